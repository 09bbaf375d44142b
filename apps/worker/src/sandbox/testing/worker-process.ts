import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import type { FakeAgent } from "./fake-agent.ts";
import type { FakeApi } from "./fake-api.ts";

/** The sandbox worker as a process of its own, as systemd would start it. */
export interface WorkerProcess {
  readonly pid: number;
  readonly output: string[];
  /** SIGKILL, and waits until it is gone. */
  kill(): Promise<void>;
  /** SIGTERM; resolves with the exit code. */
  terminate(): Promise<number | null>;
}

export function startWorkerProcess(api: FakeApi, agent: FakeAgent): WorkerProcess {
  const main = join(import.meta.dirname, "..", "..", "main.ts");
  const child: ChildProcess = spawn(process.execPath, ["--conditions=source", "--import", "tsx", main], {
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      // Test support: the child is given the PATH of the test run and nothing else of it.
      PATH: process.env["PATH"],
      VALET_WORKER_ROLE: "sandbox",
      VALET_API_URL: api.url,
      VALET_SANDBOX_ID: api.sandboxId,
      VALET_SANDBOX_TOKEN: "token-of-the-sandbox",
      VALET_AGENT_URL: agent.url,
      GH_SERVICE_SECRET: "gh-service-key",
      LOG_LEVEL: "info",
    },
  });
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream?.on("data", (chunk: Buffer) => output.push(...chunk.toString().split("\n").filter(Boolean)));
  const ended = new Promise<number | null>((resolve) => child.once("exit", (code) => resolve(code)));
  const end = (signal: NodeJS.Signals) => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    return ended;
  };
  return {
    pid: child.pid ?? -1,
    output,
    kill: async () => {
      await end("SIGKILL");
    },
    terminate: () => end("SIGTERM"),
  };
}
