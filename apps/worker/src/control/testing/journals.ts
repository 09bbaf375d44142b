import { type Sql, journalAfter, journalledDeployIds } from "@valet/db";
import { type JournalEntry, type JournalInput, replay } from "@valet/rollout";

/**
 * Decides every deploy of this database again from its journal. Throws naming the first save that comes out otherwise than it was
 * stored. Answers how many saves were decided again.
 */
export async function replayEveryJournal(sql: Sql): Promise<number> {
  let saves = 0;
  for (const id of await journalledDeployIds(sql)) {
    const rows = await journalAfter(sql, id, 0);
    const entries = rows.map(({ input, ...row }): JournalEntry => ({
      ...row,
      input: input as unknown as JournalInput,
    }));
    const { documents, differs } = replay(entries);
    if (differs) throw new Error(`deploy ${id}: revision ${differs.revision} ${differs.why}`);
    saves += documents.length;
  }
  return saves;
}
