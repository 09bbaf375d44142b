import type { Result } from "@valet/shared";

/** One process (or container) of a generation, and everything it is started with. */
export interface UnitSpec {
  /** Unique on the host and stable: `g8-api`, `g8-worker`, `targeted-…`. */
  unit: string;
  program: "api" | "worker";
  /** Folder with the installed release's files. */
  releaseRoot: string;
  /** All it gets; nothing is inherited beside what the runtime needs to run at all. */
  env: Record<string, string>;
  logPath: string;
}

export interface RunningUnit {
  pid: number;
  startedAt: string;
}

/** How units run on this host. Processes here; containers fit behind the same five verbs. */
export interface HostRuntime {
  /** Starts a unit. One that runs already is left alone: an agent that was killed finds its units again. */
  start(spec: UnitSpec): Result<RunningUnit, { kind: "start"; message: string }>;
  /** undefined: it does not run. */
  inspect(unit: string): RunningUnit | undefined;
  /** Asks the unit to end and, after `graceMs`, ends it and everything in its group. */
  stop(unit: string, graceMs: number): Promise<void>;
  /** Units that this runtime has started and not stopped, running or not. */
  known(): string[];
}
