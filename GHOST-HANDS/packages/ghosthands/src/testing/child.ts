import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";

/** A program of ours as a real process. */
export interface Child {
  readonly pid: number;
  /** What it has written so far, for failures. */
  output(): string;
  signal(name: NodeJS.Signals): void;
  hasEnded(): boolean;
  /** Resolves with the exit code, null when a signal ended it. */
  readonly ended: Promise<number | null>;
  /** SIGKILL, and waits until it is gone. */
  kill(): Promise<void>;
}

const maxOutputLength = 100_000;

export function startChild(command: string, args: string[], env: Record<string, string>): Child {
  const child: ChildProcess = spawn(command, args, {
    env: { PATH: "/usr/bin:/bin", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  const keep = (chunk: Buffer) => {
    output = (output + chunk.toString()).slice(-maxOutputLength);
  };
  child.stdout?.on("data", keep);
  child.stderr?.on("data", keep);
  const ended = once(child, "exit").then(([code]) => code as number | null);
  if (child.pid === undefined) throw new Error(`${command} did not start`);
  return {
    pid: child.pid,
    output: () => output,
    signal: (name) => void child.kill(name),
    hasEnded: () => child.exitCode !== null || child.signalCode !== null,
    ended,
    async kill() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}
