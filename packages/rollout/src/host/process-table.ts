import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { errorCode } from "./durable-file.ts";

export interface ProcessFacts {
  pid: number;
  /** Tells this process from a later one with the same pid, over reboots too. */
  startTime: string;
  /** One letter as ps prints it; Z is a zombie, T stopped. */
  state: string;
  group: number;
  commandLine: string;
}

/** What the system knows of a process; undefined when it is gone or only a zombie is left of it. */
export function readProcess(pid: number): ProcessFacts | undefined {
  const facts = readEvenEnded(pid);
  return facts === undefined || facts.state === "Z" || facts.state === "X" ? undefined : facts;
}

/** The same, of a zombie too: of a child that ended before its parent could look, what it was is still known. */
export function readEvenEnded(pid: number): ProcessFacts | undefined {
  return process.platform === "linux" ? readFromProc(pid) : readFromPs(pid);
}

/** True when this very process still runs: the pid exists and started at the same moment. */
export function isSameProcess(pid: number, startTime: string): boolean {
  return readProcess(pid)?.startTime === startTime;
}

/** Every process of the system whose command line contains `text`. */
export function findProcesses(text: string): ProcessFacts[] {
  const pids =
    process.platform === "linux"
      ? readdirSync("/proc").filter((name) => /^\d+$/.test(name))
      : execFileSync("ps", ["-axo", "pid="], { encoding: "utf8" }).split("\n");
  return pids
    .map((pid) => readProcess(Number(pid)))
    .filter((facts): facts is ProcessFacts => facts?.commandLine.includes(text) ?? false);
}

/** Sends a signal to a whole process group; false when it is gone. */
export function signalGroup(group: number, signal: NodeJS.Signals): boolean {
  return signalProcess(-group, signal);
}

/** Sends a signal; false when there is nobody to receive it. */
export function signalProcess(pid: number, signal: NodeJS.Signals): boolean {
  // 0, 1 and -1 mean ourselves, init and everybody.
  if (!Number.isInteger(pid) || Math.abs(pid) <= 1) throw new Error(`refusing to signal ${pid}`);
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if (errorCode(error) === "ESRCH") return false;
    throw error;
  }
}

function readFromProc(pid: number): ProcessFacts | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name in parentheses may hold anything; fields count from behind it: state, ppid, pgrp, ... start time is the 20th.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const [state = "Z", , group = "0"] = fields;
    const commandLine = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").join(" ").trim();
    return { pid, startTime: `${bootId()}:${fields[19] ?? ""}`, state, group: Number(group), commandLine };
  } catch (error) {
    if (["ENOENT", "ESRCH", "EACCES"].includes(errorCode(error) ?? "")) return undefined;
    throw error;
  }
}

function bootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}

function readFromPs(pid: number): ProcessFacts | undefined {
  try {
    const columns = ["-p", String(pid), "-o", "lstart=,state=,pgid=,command="];
    const line = execFileSync("ps", columns, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
    const [, startTime, state = "Z", group, commandLine = ""] = /^(.{24})\s+(\S+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
    if (startTime === undefined) return undefined;
    return { pid, startTime, state: state[0] ?? "Z", group: Number(group), commandLine };
  } catch (error) {
    // ps answers 1 when there is no such process.
    if (error instanceof Error && "status" in error && error.status === 1) return undefined;
    throw error;
  }
}
