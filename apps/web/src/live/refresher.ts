import type { Clock } from "@valet/shared";
import type { Key } from "../query-keys.ts";

export interface RefreshTarget {
  isLoading(key: Key): boolean;
  reload(key: Key): void;
}

export interface Refresher {
  mark(keys: readonly Key[]): void;
  stop(): void;
}

/**
 * Collects stale keys and reloads each at most once every `everyMs`, however many events come. A key that is just loading
 * stays marked: its answer may be older than the event.
 */
export function makeRefresher(target: RefreshTarget, clock: Clock, everyMs = 400): Refresher {
  const stale = new Map<string, Key>();
  const stopped = new AbortController();
  let scheduled = false;

  const flush = () => {
    scheduled = false;
    for (const [name, key] of [...stale]) {
      if (target.isLoading(key)) continue;
      stale.delete(name);
      target.reload(key);
    }
    if (stale.size > 0) schedule();
  };
  const schedule = () => {
    if (scheduled || stopped.signal.aborted) return;
    scheduled = true;
    clock.sleep(everyMs, stopped.signal).then(flush, (reason: unknown) => {
      if (!stopped.signal.aborted) throw reason;
    });
  };
  return {
    mark: (keys) => {
      for (const key of keys) stale.set(JSON.stringify(key), key);
      schedule();
    },
    stop: () => stopped.abort(new Error("stopped")),
  };
}
