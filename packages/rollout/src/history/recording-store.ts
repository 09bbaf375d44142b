import type { DeployStore } from "../store.ts";
import { type JournalEntry, type JournalMemory, journalEntry } from "./journal.ts";

export interface RecordingStore extends DeployStore {
  readonly journals: ReadonlyMap<string, readonly JournalEntry[]>;
}

/** A store that keeps each deploy's journal in memory, as the one in Postgres keeps it in a table. For tests and simulation. */
export function recordingStore(store: DeployStore): RecordingStore {
  const journals = new Map<string, JournalEntry[]>();
  const memories = new Map<string, JournalMemory>();
  return {
    ...store,
    journals,
    async save(next, expectedRevision, change) {
      const saved = await store.save(next, expectedRevision, change);
      if (saved !== "saved" || !change.seen) return saved;
      const { entry, memory } = journalEntry(memories.get(next.id) ?? null, change.seen, next);
      memories.set(next.id, memory);
      // As it would come back from a table.
      const stored = JSON.parse(JSON.stringify(entry)) as JournalEntry;
      journals.set(next.id, [...(journals.get(next.id) ?? []), stored]);
      return saved;
    },
  };
}
