import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import type { Stack } from "../../tools/local-stack/stack.ts";
import { browserPids } from "./victims.ts";

/**
 * Processes that carry this stack's data folder in their command line or environment although nothing alive in the stack
 * started them: no supervised process of ours, nor anything below one. Linux only.
 */
export async function orphanProcesses(stack: Stack, dataDir: string): Promise<string[]> {
  const parents = new Map<number, number>();
  const lines = new Map<number, string>();
  for (const entry of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    const pid = Number(entry);
    const stat = readProc(pid, "stat");
    const line = readProc(pid, "cmdline")?.replaceAll("\0", " ");
    if (stat === undefined || line === undefined) continue;
    const [state = "", ppid = "0"] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    parents.set(pid, Number(ppid));
    if (line.includes(dataDir) || workingFolder(pid)?.startsWith(dataDir))
      lines.set(pid, `${pid} ${state} ${line.slice(0, 160)}`);
  }
  const roots = new Set<number>([process.pid]);
  for (const name of stack.supervisor.names()) roots.add(stack.supervisor.pid(name) ?? -1);
  const generationPids = await livingGenerationPids(stack);
  for (const pid of generationPids) roots.add(pid);
  const isOurs = (pid: number): boolean => {
    for (let at: number | undefined = pid; at !== undefined && at > 1; at = parents.get(at))
      if (roots.has(at)) return true;
    return false;
  };
  const strays = [...lines].filter(([pid, line]) => !isOurs(pid) && !line.includes("postgres")).map(([, line]) => line);
  // Each browser starts two crash handlers that leave its process tree and end with it: they name no profile, so they are counted.
  const handlers = strays.filter((line) => line.includes("chrome_crashpad_handler"));
  const browsers = stack.sandboxes.flatMap(browserPids).length;
  return [...strays.filter((line) => !handlers.includes(line)), ...handlers.slice(2 * browsers)];
}

/** GH api and GH worker pids of generations the agents say are alive; they outlive their agent, so they are no children of it. */
async function livingGenerationPids(stack: Stack): Promise<number[]> {
  const perSandbox = await Promise.all(
    stack.sandboxes.map(async ({ address }) => {
      const response = await fetch(`http://${address.host}:${address.agentPort}/generations`, {
        signal: AbortSignal.timeout(2_000),
      });
      const body = (await response.json()) as {
        generations: { apiPid: number | null; workerPid: number | null; state: string }[];
      };
      return body.generations
        .filter(({ state }) => state !== "ended")
        .flatMap(({ apiPid, workerPid }) => [apiPid, workerPid]);
    }),
  );
  return perSandbox.flat().filter((pid): pid is number => pid !== null);
}

function readProc(pid: number, file: string): string | undefined {
  try {
    return readFileSync(join("/proc", String(pid), file), "utf8");
  } catch (error) {
    if (error instanceof Error) return undefined;
    throw error;
  }
}

function workingFolder(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch (error) {
    if (error instanceof Error) return undefined;
    throw error;
  }
}
