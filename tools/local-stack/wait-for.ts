/** Polls until `probe` answers something other than undefined; throws after `deadlineMs`, saying what it waited for. */
export async function waitFor<T>(
  what: string,
  probe: () => Promise<T | undefined> | T | undefined,
  options: { deadlineMs?: number; everyMs?: number; signal?: AbortSignal } = {},
): Promise<T> {
  const { deadlineMs = 30_000, everyMs = 50, signal } = options;
  const until = performance.now() + deadlineMs;
  let last: unknown;
  for (;;) {
    signal?.throwIfAborted();
    try {
      const value = await probe();
      if (value !== undefined) return value;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (performance.now() > until) {
      const why =
        last === undefined ? "" : `; last error: ${last instanceof Error ? last.message : JSON.stringify(last)}`;
      throw new Error(`gave up waiting for ${what} after ${deadlineMs} ms${why}`, { cause: last });
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
