import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readdirSync, rmSync, statSync, truncateSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Clock, err, ok } from "@valet/shared";
import { z } from "zod";
import { errorCode, readJsonFile, writeDurably } from "./durable-file.ts";
import { isSameProcess, readEvenEnded, signalGroup } from "./process-table.ts";
import type { HostRuntime, RunningUnit, UnitSpec } from "./runtime.ts";

const pidFileSchema = z.object({ pid: z.number().int().min(2), startTime: z.string(), startedAt: z.string() });
const largestLogBytes = 10_000_000;

export interface ProcessRuntimeOptions {
  /** Pid files: what survives a killed agent. */
  runDir: string;
  clock: Clock;
  /** The few inherited variables: PATH, HOME, locale. */
  baseEnv: Record<string, string>;
  nodePath?: string;
}

/**
 * Units as child processes, each leading its own process group and not ended with their parent. A pid file with the process's
 * start time lets the next agent adopt it, and keeps it from ever taking a stranger with a reused pid for its own.
 */
export function makeProcessRuntime(options: ProcessRuntimeOptions): HostRuntime {
  const { runDir, clock } = options;
  mkdirSync(runDir, { recursive: true });
  const pidFile = (unit: string) => join(runDir, `${unit}.json`);

  function inspect(unit: string): RunningUnit | undefined {
    const entry = readJsonFile(pidFile(unit), pidFileSchema);
    if (!entry || !isSameProcess(entry.pid, entry.startTime)) return undefined;
    return { pid: entry.pid, startedAt: entry.startedAt };
  }

  function start(spec: UnitSpec) {
    const running = inspect(spec.unit);
    if (running) return ok(running);
    const child = launch(spec, options);
    // Under load it may have ended by now. It was started all the same; that it is gone, `inspect` tells.
    const facts = child.pid === undefined ? undefined : readEvenEnded(child.pid);
    if (!facts)
      return err({ kind: "start" as const, message: `${spec.unit} could not be started from ${spec.releaseRoot}` });
    const startedAt = new Date(clock.now()).toISOString();
    writeDurably(pidFile(spec.unit), JSON.stringify({ pid: facts.pid, startTime: facts.startTime, startedAt }));
    return ok({ pid: facts.pid, startedAt });
  }

  async function stop(unit: string, graceMs: number): Promise<void> {
    const running = inspect(unit);
    if (running) {
      signalGroup(running.pid, "SIGTERM");
      const giveUpAt = clock.monotonicMs() + graceMs;
      while (inspect(unit) && clock.monotonicMs() < giveUpAt) await clock.sleep(25);
      // The leader may be gone while members of its group are not.
      signalGroup(running.pid, "SIGKILL");
      while (inspect(unit)) await clock.sleep(10);
    }
    rmSync(pidFile(unit), { force: true });
  }

  const known = () =>
    readdirSync(runDir)
      .filter((name) => name.endsWith(".json"))
      .map((name) => name.slice(0, -".json".length));
  return { start, inspect, stop, known };
}

function launch(spec: UnitSpec, options: ProcessRuntimeOptions) {
  mkdirSync(dirname(spec.logPath), { recursive: true });
  keepLogShort(spec.logPath);
  const log = openSync(spec.logPath, "a");
  try {
    const child = spawn(options.nodePath ?? process.execPath, [join(spec.releaseRoot, `${spec.program}.js`)], {
      cwd: spec.releaseRoot,
      detached: true,
      stdio: ["ignore", log, log],
      env: { ...options.baseEnv, ...spec.env },
    });
    // A failure to start shows as a missing pid; without a listener the event would end this process.
    child.once("error", () => undefined);
    child.unref();
    return child;
  } finally {
    closeSync(log);
  }
}

function keepLogShort(path: string): void {
  try {
    if (statSync(path).size > largestLogBytes) truncateSync(path, 0);
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
  }
}
