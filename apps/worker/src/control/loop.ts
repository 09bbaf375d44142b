import type { Clock } from "@valet/shared";
import { makeBackoff } from "../backoff.ts";
import { type Bell, ignoreAbort } from "../bell.ts";
import { type Log, messageOf } from "../log.ts";

export type RoundAnswer = "again" | "idle" | number;

/** One of the control worker's loops. Any number of control workers may run it at once. */
export interface ControlLoop {
  name: string;
  /** Pause between rounds; a bell cuts it short. */
  everyMs: number;
  bell?: Bell;
  /** `again`: there is more to do at once. A number: look again after so many ms, whatever `everyMs` says. */
  round(signal: AbortSignal): Promise<RoundAnswer>;
}
export interface LoopRuntime {
  clock: Clock;
  log: Log;
  signal: AbortSignal;
  random: () => number;
  /** A round that takes longer has failed; what it still does is fenced by the database. */
  roundDeadlineMs?: number;
}

/**
 * Runs rounds until the signal aborts. A round that throws is logged at the first failure of a row, tried again with backoff,
 * and reported when it works again: a loop never dies, not of a Postgres restart either.
 */
export async function runLoop(runtime: LoopRuntime, loop: ControlLoop): Promise<void> {
  const { clock, log, signal } = runtime;
  const backoff = makeBackoff(100, 5_000, runtime.random);
  while (!signal.aborted) {
    const pauseMs = await oneRound(runtime, loop).then(
      (answer) => {
        if (backoff.failures > 0)
          log.info({ event: "loop_recovered", loop: loop.name, afterFailures: backoff.failures });
        backoff.reset();
        if (answer === "again") return 0;
        return (answer === "idle" ? loop.everyMs : answer) * (0.9 + 0.2 * runtime.random());
      },
      (error: unknown) => {
        if (backoff.failures === 0 && !signal.aborted)
          log.error({ event: "loop_failed", loop: loop.name, reason: messageOf(error) });
        return backoff.next();
      },
    );
    if (pauseMs <= 0) continue;
    if (loop.bell && backoff.failures === 0) await loop.bell.wait(pauseMs, signal);
    else await clock.sleep(pauseMs, signal).catch(ignoreAbort);
  }
}

async function oneRound(runtime: LoopRuntime, loop: ControlLoop): Promise<RoundAnswer> {
  const deadlineMs = runtime.roundDeadlineMs ?? 60_000;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`a round took longer than ${deadlineMs} ms`)), deadlineMs);
  });
  try {
    return await Promise.race([loop.round(runtime.signal), late]);
  } finally {
    clearTimeout(timer);
  }
}
