import { appendJournal, journalAfter, type Tx } from "@valet/db";
import {
  type DeployDocument,
  type JournalInput,
  type JournalMemory,
  type Seen,
  journalEntry,
  rememberEntry,
} from "@valet/rollout";
import { deployTransitions, isTerminal } from "@valet/shared";

export interface DeployJournal {
  /** Writes the entry of one save in its transaction. Call what it answers once that has committed. */
  write(tx: Tx, seen: Seen, next: DeployDocument): Promise<() => void>;
}

/**
 * Keeps in memory what each deploy's last entry saw, so that the next one says only what moved since. Another control worker's
 * entries are read and taken in first; memory lost costs time only.
 */
export function makeDeployJournal(): DeployJournal {
  const memories = new Map<string, JournalMemory>();
  return {
    async write(tx, seen, next) {
      const known = memories.get(next.id) ?? null;
      const news = await journalAfter(tx, next.id, known?.revision ?? 0);
      const before = news.reduce<JournalMemory | null>(
        (memory, { revision, input }) => rememberEntry(memory, { revision, input: input as unknown as JournalInput }),
        known,
      );
      const { entry, memory } = journalEntry(before, seen, next);
      await appendJournal(tx, next.id, { ...entry, input: { ...entry.input } });
      return () => {
        if (isTerminal(deployTransitions, next.state)) memories.delete(next.id);
        else memories.set(next.id, memory);
      };
    },
  };
}
