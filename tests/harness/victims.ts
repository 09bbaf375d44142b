import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { agentGenerationSchema } from "@valet/contracts";
import type { LocalSandbox } from "../../tools/local-stack/sandbox.ts";
import type { TestStack } from "./test-stack.ts";

/** The generations an agent says it has. */
export async function generationsOf(sandbox: LocalSandbox) {
  const url = `http://${sandbox.address.host}:${sandbox.address.agentPort}/generations`;
  const response = await fetch(url, { signal: AbortSignal.timeout(5_000) });
  const body = (await response.json()) as { generations: unknown[] };
  return body.generations.map((generation) => agentGenerationSchema.parse(generation));
}

/** Pid of the GH api or GH worker of the oldest living generation of a sandbox. */
export async function oldestGenerationPid(sandbox: LocalSandbox, which: "api" | "worker"): Promise<number> {
  const [oldest] = (await generationsOf(sandbox))
    .filter(({ state }) => state !== "ended" && state !== "warm")
    .sort((a, b) => a.generation - b.generation);
  const pid = which === "api" ? oldest?.apiPid : oldest?.workerPid;
  if (!pid) throw new Error(`${sandbox.name} has no living GH ${which}`);
  return pid;
}

/** Main processes of the browsers of a sandbox: those that lead their own process group. */
export function browserPids(sandbox: LocalSandbox): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      const line = readProcess(pid, "cmdline");
      return line.includes(join(sandbox.ghDataDir, "profiles")) && !line.includes("--type=");
    });
}

/** A browser that is in use, by the lease files of the sandbox. */
export function busyBrowserPid(sandbox: LocalSandbox): number {
  const folder = join(sandbox.ghDataDir, "leases");
  for (const name of readdirSync(folder).filter((file) => file.endsWith(".json"))) {
    const lease = JSON.parse(readFileSync(join(folder, name), "utf8")) as {
      taskId: string | null;
      browserPid: number | null;
    };
    if (lease.taskId && lease.browserPid) return lease.browserPid;
  }
  throw new Error(`no browser of ${sandbox.name} is in use`);
}

/** `kill -9`, for a pid this stack started. */
export function kill(pid: number | undefined): void {
  if (pid === undefined) throw new Error("there is no such process right now");
  process.kill(pid, "SIGKILL");
}

export function pidOf(stack: TestStack, name: string): number {
  const pid = stack.supervisor.pid(name);
  if (pid === undefined) throw new Error(`${name} is not running`);
  return pid;
}

function readProcess(pid: number, file: string): string {
  try {
    return readFileSync(join("/proc", String(pid), file), "utf8");
  } catch (error) {
    if (error instanceof Error) return "";
    throw error;
  }
}
