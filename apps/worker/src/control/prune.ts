import { type Database, pruneOldRows } from "@valet/db";
import type { Log } from "../log.ts";

/** Forgets what nobody reads any more: live events older than a day, old receipts, ended sessions. */
export async function prune({ db, log }: { db: Database; log: Log }): Promise<void> {
  const gone = await pruneOldRows(db);
  if (Object.keys(gone).length > 0) log.info({ event: "pruned", ...gone });
}
