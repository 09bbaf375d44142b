import { setTimeout as sleep } from "node:timers/promises";

/** Waits for a condition, looking often; throws what was missing when it does not come. */
export async function until<T>(
  what: string,
  look: () => T | undefined | false | null | Promise<T | undefined | false | null>,
  timeoutMs = 40_000,
): Promise<T> {
  const giveUpAt = performance.now() + timeoutMs;
  let lastError: unknown;
  for (;;) {
    try {
      const found = await look();
      if (found !== undefined && found !== false && found !== null) return found;
      lastError = undefined;
    } catch (error) {
      lastError = error;
    }
    if (performance.now() > giveUpAt) throw new Error(`waited ${timeoutMs} ms for: ${what}`, { cause: lastError });
    await sleep(15);
  }
}
