/**
 * Collects keys and hands them to `work` together: one run at a time, what arrives meanwhile goes into the next. Under load many
 * callers share one query; alone, a key waits no longer than the turn of the event loop.
 */
export interface Batch<K> {
  add(key: K): void;
  /** Resolves when nothing runs or waits. */
  settled(): Promise<void>;
}

export function makeBatch<K>(
  work: (keys: readonly K[]) => Promise<void>,
  onError: (error: unknown) => void,
  mostPerRun = 500,
): Batch<K> {
  const waiting = new Set<K>();
  let running: Promise<void> | null = null;

  const drain = async () => {
    await new Promise((resolve) => setImmediate(resolve));
    while (waiting.size > 0) {
      const keys = [...waiting].slice(0, mostPerRun);
      for (const key of keys) waiting.delete(key);
      await work(keys).catch(onError);
    }
    running = null;
  };
  return {
    add(key) {
      waiting.add(key);
      running ??= drain();
    },
    async settled() {
      while (running) await running;
    },
  };
}

/**
 * Answers one by one what `work` looks up together, in the order asked: what is asked while it runs goes into the next run. When it
 * fails, all of a run are told.
 */
export function makeLookup<K, V>(
  work: (keys: readonly K[]) => Promise<readonly V[]>,
  mostPerRun = 200,
): (key: K) => Promise<V> {
  let waiting: { key: K; resolve: (value: V) => void; reject: (error: unknown) => void }[] = [];
  let isRunning = false;

  const drain = async () => {
    await new Promise((resolve) => setImmediate(resolve));
    while (waiting.length > 0) {
      const some = waiting.slice(0, mostPerRun);
      waiting = waiting.slice(mostPerRun);
      await work(some.map((one) => one.key)).then(
        (values) => some.forEach((one, index) => one.resolve(values[index] as V)),
        (error: unknown) => some.forEach((one) => one.reject(error)),
      );
    }
    isRunning = false;
  };
  return (key) =>
    new Promise((resolve, reject) => {
      waiting.push({ key, resolve, reject });
      if (isRunning) return;
      isRunning = true;
      void drain();
    });
}
