import type { Clock } from "./clock.ts";

/** A clock that moves only when told to. For tests. */
export interface FakeClock extends Clock {
  /** Moves both times forward and wakes sleepers in order of their deadlines. */
  advance(ms: number): Promise<void>;
  /** How many sleeps are waiting. */
  sleepers(): number;
}

export function makeFakeClock(startMs = 1_700_000_000_000): FakeClock {
  let elapsedMs = 0;
  const waiting: { atMs: number; wake: () => void }[] = [];
  return {
    now: () => startMs + elapsedMs,
    monotonicMs: () => elapsedMs,
    sleepers: () => waiting.length,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason as Error);
        const entry = { atMs: elapsedMs + ms, wake: resolve };
        waiting.push(entry);
        signal?.addEventListener(
          "abort",
          () => {
            waiting.splice(waiting.indexOf(entry), 1);
            reject(signal.reason as Error);
          },
          { once: true },
        );
      }),
    async advance(ms) {
      const target = elapsedMs + ms;
      for (;;) {
        waiting.sort((a, b) => a.atMs - b.atMs);
        const next = waiting[0];
        if (!next || next.atMs > target) break;
        waiting.shift();
        elapsedMs = Math.max(elapsedMs, next.atMs);
        next.wake();
        await new Promise((resolve) => setImmediate(resolve));
      }
      elapsedMs = target;
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}
