import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** What a supervised process is started with. `env` is all it gets beside PATH, HOME and the locale. */
export interface ProgramSpec {
  name: string;
  args: string[];
  env: Record<string, string>;
  /** Milliseconds from SIGTERM to SIGKILL. */
  stopMs?: number;
}

export interface Supervisor {
  start(spec: ProgramSpec): void;
  /** The pid of the running process; undefined between a crash and its restart. */
  pid(name: string): number | undefined;
  /** What it was started with, to start it again after a stop. */
  spec(name: string): ProgramSpec;
  /** How often a process was started again after it ended by itself. */
  restarts(name: string): number;
  signal(name: string, signal: NodeJS.Signals): void;
  /** Asks one to end and waits; it is not started again. */
  stop(name: string): Promise<void>;
  stopAll(): Promise<void>;
  names(): string[];
}

interface Entry {
  spec: ProgramSpec;
  child: ChildProcess | undefined;
  restarts: number;
  stopping: boolean;
  timer: NodeJS.Timeout | undefined;
}

/**
 * Keeps the processes of a local fleet running, as systemd and Fly do in production: one that ends by itself is started again
 * after `restartMs`. Each leads its own process group, logs to `<dir>/logs/<name>.log` and has a pid file, so that the next
 * start can end what a killed parent left behind.
 */
export function makeSupervisor(dir: string, restartMs = 500): Supervisor {
  const entries = new Map<string, Entry>();
  const logs = join(dir, "logs");
  const pids = join(dir, "pids");
  mkdirSync(logs, { recursive: true });
  mkdirSync(pids, { recursive: true });

  function launch(entry: Entry): void {
    const { spec } = entry;
    const log = createWriteStream(join(logs, `${spec.name}.log`), { flags: "a" });
    const child = spawn(process.execPath, spec.args, {
      env: { ...basicEnvironment(), ...spec.env },
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    entry.child = child;
    child.stdout.pipe(log, { end: false });
    child.stderr.pipe(log, { end: false });
    if (child.pid) writeFileSync(join(pids, spec.name), `${child.pid} ${processStartTime(child.pid) ?? ""}`);
    child.once("error", (error) => log.write(`could not be started: ${error.message}\n`));
    child.once("close", () => {
      log.end();
      entry.child = undefined;
      rmSync(join(pids, spec.name), { force: true });
      if (entry.stopping) return;
      entry.timer = setTimeout(() => {
        entry.restarts += 1;
        launch(entry);
      }, restartMs);
    });
  }

  async function stop(name: string): Promise<void> {
    const entry = entries.get(name);
    if (!entry) return;
    entry.stopping = true;
    clearTimeout(entry.timer);
    entries.delete(name);
    const { child } = entry;
    if (!child || child.exitCode !== null) return;
    await new Promise<void>((resolve) => {
      const force = setTimeout(() => child.kill("SIGKILL"), entry.spec.stopMs ?? 10_000);
      child.once("close", () => {
        clearTimeout(force);
        resolve();
      });
      child.kill("SIGTERM");
    });
  }

  return {
    start(spec) {
      if (entries.has(spec.name)) throw new Error(`${spec.name} is supervised already`);
      const entry: Entry = { spec, child: undefined, restarts: 0, stopping: false, timer: undefined };
      entries.set(spec.name, entry);
      launch(entry);
    },
    pid: (name) => entries.get(name)?.child?.pid,
    spec(name) {
      const entry = entries.get(name);
      if (!entry) throw new Error(`${name} is not supervised`);
      return entry.spec;
    },
    restarts: (name) => entries.get(name)?.restarts ?? 0,
    signal: (name, signal) => void entries.get(name)?.child?.kill(signal),
    stop,
    stopAll: async () => void (await Promise.all([...entries.keys()].map(stop))),
    names: () => [...entries.keys()],
  };
}

/** Linux: the start time of a process in clock ticks, to tell it from a later one with the same pid; else undefined. */
export function processStartTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch (error) {
    if (["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw error;
  }
}

function basicEnvironment(): Record<string, string> {
  const { PATH, HOME, LANG, TMPDIR } = process.env;
  const kept = { PATH, HOME, LANG, TMPDIR };
  return Object.fromEntries(Object.entries(kept).filter((pair): pair is [string, string] => pair[1] !== undefined));
}
