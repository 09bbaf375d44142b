import type { Database, Tx } from "@valet/db";
import { isDatabaseAway } from "./error-translator.ts";

interface Waiting<I, O> {
  input: I;
  resolve: (output: O) => void;
  reject: (error: unknown) => void;
}

export interface GroupOptions {
  mostTogether?: number;
  /** Transactions at the same time. */
  mostRunning?: number;
  /** How long the first one waits for company; without it, a turn of the event loop. */
  lingerMs?: number;
}

/**
 * Requests that arrive while a transaction runs share the next one: one commit, one lock, one notification for all. `work` answers
 * one output an input, in order. When a statement is refused, each input is tried alone, so that one bad request fails nobody else's.
 */
export function makeGroupCommit<I, O>(
  db: Database,
  work: (tx: Tx, inputs: readonly I[]) => Promise<O[]>,
  { mostTogether = 50, mostRunning = 2, lingerMs = 0 }: GroupOptions = {},
): (input: I) => Promise<O> {
  let waiting: Waiting<I, O>[] = [];
  let running = 0;

  const runTogether = async (group: readonly Waiting<I, O>[]) => {
    const outputs = await db.tx((tx) =>
      work(
        tx,
        group.map((one) => one.input),
      ),
    );
    group.forEach((one, index) => one.resolve(outputs[index] as O));
  };
  const run = async (group: readonly Waiting<I, O>[]) => {
    try {
      await runTogether(group);
    } catch (cause) {
      // A lost connection leaves open whether the commit happened: doing it again could do it twice.
      if (group.length === 1 || isDatabaseAway(cause)) return group.forEach((one) => one.reject(cause));
      for (const one of group) await runTogether([one]).catch(one.reject);
    }
  };
  const next = () => {
    while (waiting.length > 0 && running < mostRunning) {
      const group = waiting.slice(0, mostTogether);
      waiting = waiting.slice(mostTogether);
      running += 1;
      void run(group).finally(() => {
        running -= 1;
        next();
      });
    }
  };
  return (input) =>
    new Promise((resolve, reject) => {
      waiting.push({ input, resolve, reject });
      if (running >= mostRunning) return;
      if (waiting.length >= mostTogether) next();
      else if (lingerMs === 0) setImmediate(next);
      else if (waiting.length === 1) setTimeout(next, lingerMs);
    });
}
