import { readdirSync, readFileSync } from "node:fs";

export interface ProcessEntry {
  pid: number;
  parentPid: number;
  groupId: number;
  /** One letter, as in /proc: R, S, T (stopped), Z (dead, not yet collected) … */
  state: string;
}

/** One process, or undefined when it is gone. */
export function readProcess(pid: number): ProcessEntry | undefined {
  const stat = readIfThere(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  const [state = "", parentPid = "0", groupId = "0"] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return { pid, parentPid: Number(parentPid), groupId: Number(groupId), state };
}

function listProcesses(): ProcessEntry[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((name) => readProcess(Number(name)))
    .filter((entry) => entry !== undefined);
}

/** The command line, each argument followed by a blank. */
function commandOf(entry: ProcessEntry): string {
  return `${(readIfThere(`/proc/${entry.pid}/cmdline`) ?? "").replaceAll("\0", " ")} `;
}

/** The leading process of the browser that runs on a profile folder; a child that was just forked carries the path too. */
export function findBrowserOn(profileDir: string): ProcessEntry | undefined {
  const found = listProcesses().filter((entry) => commandOf(entry).includes(`--user-data-dir=${profileDir} `));
  return found.find((entry) => entry.pid === entry.groupId) ?? found[0];
}

/** The process groups of every browser whose profile path begins with `prefix`. */
export function findBrowserGroups(prefix: string): number[] {
  const found = listProcesses().filter((entry) => commandOf(entry).includes(`--user-data-dir=${prefix}`));
  return [...new Set(found.map((entry) => entry.groupId))];
}

/** Living members of a process group; dead ones nobody collected yet do not count. */
export function groupMembers(groupId: number): ProcessEntry[] {
  return listProcesses().filter((entry) => entry.groupId === groupId && entry.state !== "Z");
}

/** Signals a whole process group; false when no such group is left. */
export function signalGroup(groupId: number, signal: "SIGKILL" | "SIGSTOP" | "SIGCONT"): boolean {
  if (groupId <= 1) throw new Error(`refusing to signal process group ${groupId}`);
  try {
    process.kill(-groupId, signal);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ESRCH") return false;
    throw error;
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ESRCH"))
      return undefined;
    throw error;
  }
}
