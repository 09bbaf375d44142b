/** Waits that grow: half fixed, half random, so that a thousand hosts do not come back in the same second. */
export interface Backoff {
  /** The next wait in ms. */
  next(): number;
  /** It worked: start small again. */
  reset(): void;
  /** Failures since the last reset. */
  readonly failures: number;
}

export function makeBackoff(firstMs: number, maxMs: number, random: () => number = Math.random): Backoff {
  let failures = 0;
  return {
    next() {
      const ms = Math.min(maxMs, firstMs * 2 ** Math.min(failures, 30));
      failures += 1;
      return ms / 2 + (ms / 2) * random();
    },
    reset() {
      failures = 0;
    },
    get failures() {
      return failures;
    },
  };
}
