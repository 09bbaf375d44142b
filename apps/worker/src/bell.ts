import type { Clock } from "@valet/shared";

/** Wakes one waiting loop. Rings that come while nobody waits are kept, as one. */
export interface Bell {
  ring(): void;
  /** Resolves at the next ring or after `ms`; true when it rang. Resolves false at once when the signal is aborted. */
  wait(ms: number, signal: AbortSignal): Promise<boolean>;
}

export function makeBell(clock: Clock): Bell {
  let rung = false;
  let wake: (() => void) | null = null;
  return {
    ring() {
      rung = true;
      wake?.();
    },
    async wait(ms, signal) {
      if (!rung && !signal.aborted && ms > 0) {
        const stop = new AbortController();
        const end = () => stop.abort();
        wake = end;
        signal.addEventListener("abort", end, { once: true });
        await clock.sleep(ms, stop.signal).catch(ignoreAbort);
        signal.removeEventListener("abort", end);
        wake = null;
      }
      const answer = rung && !signal.aborted;
      rung = false;
      return answer;
    },
  };
}

/** For sleeps that are cut short on purpose: the loop's own condition says what follows. */
export function ignoreAbort(error: unknown): void {
  if (!(error instanceof Error) || error.name !== "AbortError") throw error;
}
