/** Work that is started one after the other and goes on beside, with at most `most` under way. */
export interface Asks {
  /** Waits for room and starts `work`; throws what an earlier one failed with. */
  start(work: () => Promise<void>): Promise<void>;
  /** Resolves when all have ended; throws the first failure. */
  ended(): Promise<void>;
}

export function makeAsks(most: number): Asks {
  const running = new Set<Promise<void>>();
  const failures: unknown[] = [];
  const throwFirst = () => {
    if (failures.length > 0) throw failures[0];
  };
  return {
    async start(work) {
      while (running.size >= most) await Promise.race(running);
      throwFirst();
      const one: Promise<void> = work()
        .catch((error: unknown) => void failures.push(error))
        .finally(() => running.delete(one));
      running.add(one);
    },
    async ended() {
      await Promise.all(running);
      throwFirst();
    },
  };
}
