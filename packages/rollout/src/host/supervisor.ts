import type { Clock } from "@valet/shared";
import type { HostRuntime, RunningUnit, UnitSpec } from "./runtime.ts";

export interface Supervisor {
  /** Starts the unit (or adopts it) and keeps it running until `release`. */
  keep(spec: UnitSpec): void;
  /** Stops it and starts it no more. */
  release(unit: string, graceMs: number): Promise<void>;
  running(unit: string): RunningUnit | undefined;
  /** How often it was started again since it last ran soundly, for a minute. */
  restarts(unit: string): number;
  /** Restarts what ended; called every few hundred ms. */
  tick(): void;
  /** From now on nothing is started, not even by a procedure that is still under way. */
  close(): void;
}

interface Kept {
  spec: UnitSpec;
  restarts: number;
  lastStartMs: number;
  nextStartMs: number;
}

const firstDelayMs = 200;
const longestDelayMs = 30_000;
/** A unit that ran this long has recovered: the next failure waits little again. */
const soundAfterMs = 60_000;

/** A unit restarted this often does not come up by itself any more (systemd's NRestarts of the guide). */
export const crashLoopRestarts = 3;

/** Keeps units running, waiting longer after each failure. It knows a restart from a first start, so that a crash loop shows. */
export function makeSupervisor(
  runtime: HostRuntime,
  clock: Clock,
  onEvent: (event: string, unit: string) => void,
): Supervisor {
  const kept = new Map<string, Kept>();
  let isClosed = false;

  function launch(entry: Kept): void {
    entry.lastStartMs = clock.monotonicMs();
    const started = runtime.start(entry.spec);
    onEvent(started.ok ? "unit_started" : "unit_failed_to_start", entry.spec.unit);
  }

  function tickOne(entry: Kept): void {
    const now = clock.monotonicMs();
    if (runtime.inspect(entry.spec.unit)) {
      entry.nextStartMs = 0;
      // Old restarts are no crash loop: a sound generation that was restarted now and then must not fail its way back.
      if (now - entry.lastStartMs >= soundAfterMs) entry.restarts = 0;
      return;
    }
    if (entry.nextStartMs === 0) {
      entry.nextStartMs = now + Math.min(firstDelayMs * 2 ** entry.restarts, longestDelayMs);
      onEvent("unit_ended", entry.spec.unit);
      return;
    }
    if (now < entry.nextStartMs) return;
    entry.nextStartMs = 0;
    entry.restarts += 1;
    launch(entry);
  }

  return {
    keep(spec) {
      const entry: Kept = { spec, restarts: 0, lastStartMs: clock.monotonicMs(), nextStartMs: 0 };
      kept.set(spec.unit, entry);
      if (!isClosed) launch(entry);
    },
    async release(unit, graceMs) {
      kept.delete(unit);
      await runtime.stop(unit, graceMs);
    },
    running: (unit) => runtime.inspect(unit),
    restarts: (unit) => kept.get(unit)?.restarts ?? 0,
    tick: () => {
      if (isClosed) return;
      for (const entry of kept.values()) tickOne(entry);
    },
    close: () => {
      isClosed = true;
    },
  };
}
