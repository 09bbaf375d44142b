/** A change that several may wait for. */
export interface ChangeSignal {
  changed(): void;
  /** Resolves at the next change, after `waitMs`, or when aborted, whichever is first. */
  wait(waitMs: number, signal?: AbortSignal): Promise<void>;
}

export function makeChangeSignal(): ChangeSignal {
  const waiting = new Set<() => void>();
  return {
    changed() {
      for (const wake of [...waiting]) wake();
    },
    wait: (waitMs, signal) =>
      new Promise((resolve) => {
        const wake = () => {
          clearTimeout(timer);
          waiting.delete(wake);
          signal?.removeEventListener("abort", wake);
          resolve();
        };
        const timer = setTimeout(wake, Math.max(0, waitMs));
        if (signal?.aborted) return wake();
        waiting.add(wake);
        signal?.addEventListener("abort", wake, { once: true });
      }),
  };
}
