import { spawn } from "node:child_process";
import { join } from "node:path";

/** The control worker as a process of its own. */
export interface ControlProcess {
  readonly output: string[];
  /** Resolves once its loops run. */
  started: Promise<void>;
  kill(): Promise<void>;
  terminate(): Promise<number | null>;
}

export function startControlProcess(
  databaseUrl: string,
  leaseMs: number,
  env: Record<string, string> = {},
): ControlProcess {
  const main = join(import.meta.dirname, "..", "..", "main.ts");
  const child = spawn(process.execPath, ["--conditions=source", "--import", "tsx", main], {
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      // Test support: the child is given the PATH of the test run and nothing else of it.
      PATH: process.env["PATH"],
      VALET_WORKER_ROLE: "control",
      DATABASE_URL: databaseUrl,
      VALET_SEAL_KEY: Buffer.alloc(32, 7).toString("base64"),
      VALET_LEASE_MS: String(leaseMs),
      LOG_LEVEL: "debug",
      ...env,
    },
  });
  const output: string[] = [];
  const ended = new Promise<number | null>((resolve) => child.once("exit", (code) => resolve(code)));
  const started = new Promise<void>((resolve, reject) => {
    const read = (chunk: Buffer) => {
      output.push(...chunk.toString().split("\n").filter(Boolean));
      if (output.some((line) => line.includes("control_worker_running"))) resolve();
    };
    child.stdout.on("data", read);
    child.stderr.on("data", read);
    child.once("exit", () => reject(new Error(`the control worker ended: ${output.slice(-3).join("\n")}`)));
  });
  const end = (signal: NodeJS.Signals) => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    return ended;
  };
  // A test that never waits for the start must not fail for a process that it ended itself.
  started.catch(() => undefined);
  return {
    output,
    started,
    kill: async () => {
      await end("SIGKILL");
    },
    terminate: () => end("SIGTERM"),
  };
}
