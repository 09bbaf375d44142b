import type { GhFeedEntry } from "@valet/contracts";
import { makeChangeSignal } from "../runtime/signal.ts";

/** What the sandbox worker has yet to store: entries in the order they came, until acknowledged. Memory only. */
export interface FeedLog {
  append(entries: readonly GhFeedEntry[]): void;
  /** An inventory changed: whoever waits shall look. */
  touch(): void;
  acknowledge(taskId: string, fence: number, throughSeq: number): void;
  /** The question was answered: nobody needs it any more. */
  settleAsk(askId: string): void;
  /** Entries after `cursor`, and the cursor to go on from. */
  read(cursor: number): { cursor: number; entries: GhFeedEntry[] };
  /** Resolves as soon as there is anything after `cursor`. */
  wait(cursor: number, waitMs: number, signal?: AbortSignal): Promise<void>;
  size(): number;
}

const maxEntriesPerRead = 500;
/** A question older than any permit's life has been asked anew. */
const askLifeMs = 60_000;

function keyOf(entry: GhFeedEntry): string {
  return entry.kind === "event"
    ? `${entry.valet_task_id}.${entry.event.fence}.${entry.event.seq}`
    : `ask.${entry.ask_id}`;
}

export function makeFeedLog(nowMs: () => number): FeedLog {
  const held = new Map<string, { revision: number; entry: GhFeedEntry; atMs: number }>();
  const signal = makeChangeSignal();
  let revision = 0;

  const forgetOldAsks = () => {
    const oldest = nowMs() - askLifeMs;
    for (const [key, { entry, atMs }] of held) {
      if (entry.kind === "permit_ask" && atMs < oldest) held.delete(key);
    }
  };

  return {
    append(entries) {
      for (const entry of entries) {
        const key = keyOf(entry);
        if (held.has(key)) continue;
        revision += 1;
        held.set(key, { revision, entry, atMs: nowMs() });
      }
      forgetOldAsks();
      signal.changed();
    },
    touch() {
      revision += 1;
      signal.changed();
    },
    acknowledge(taskId, fence, throughSeq) {
      for (const [key, { entry }] of held) {
        if (
          entry.kind === "event" &&
          entry.valet_task_id === taskId &&
          entry.event.fence === fence &&
          entry.event.seq <= throughSeq
        )
          held.delete(key);
      }
    },
    settleAsk(askId) {
      held.delete(`ask.${askId}`);
    },
    read(cursor) {
      const entries: GhFeedEntry[] = [];
      for (const item of held.values()) {
        if (item.revision <= cursor) continue;
        if (entries.length === maxEntriesPerRead) return { cursor: item.revision - 1, entries };
        entries.push(item.entry);
      }
      return { cursor: revision, entries };
    },
    wait: (cursor, waitMs, abort) => (revision > cursor ? Promise.resolve() : signal.wait(waitMs, abort)),
    size: () => held.size,
  };
}
