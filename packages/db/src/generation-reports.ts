import { mergeReports } from "@valet/shared";
import type { GenerationInput, StoredGeneration } from "@valet/shared";
import { notify } from "./notify.ts";
import type { Tx } from "./sql.ts";

/**
 * Writes what changed of the generations and returns all of them as they are now. A report about one that does not answer
 * changes only that it accepts nothing: the rest is what was last known. `reported_at` is the caller's to write.
 */
export async function storeReports(
  tx: Tx,
  sandboxId: string,
  reports: readonly GenerationInput[],
  stored: readonly StoredGeneration[],
): Promise<StoredGeneration[]> {
  const { all, changed, isNewlyAccepting } = mergeReports(reports, stored);
  if (changed.length > 0) await write(tx, sandboxId, changed);
  if (isNewlyAccepting) await notify(tx, "assign", [""]);
  return all;
}

async function write(tx: Tx, sandboxId: string, generations: readonly StoredGeneration[]): Promise<void> {
  await tx.query(
    `INSERT INTO generations AS g (sandbox_id, number, state, image_tag, image_digest, worker_boot_id, boot_seen_at, accepting,
       spare_ready, reported_at)
     SELECT $1, number, state, tag, digest, boot, now() - boot_seen_ms * interval '1 millisecond', accepting, spare,
       now() - silent_ms * interval '1 millisecond'
     FROM unnest($2::int[], $3::text[], $4::text[], $5::text[], $6::text[], $7::float8[], $8::boolean[], $9::boolean[], $10::float8[])
       AS n (number, state, tag, digest, boot, boot_seen_ms, accepting, spare, silent_ms)
     ON CONFLICT (sandbox_id, number) DO UPDATE SET state = EXCLUDED.state, image_tag = EXCLUDED.image_tag,
       image_digest = EXCLUDED.image_digest, worker_boot_id = EXCLUDED.worker_boot_id,
       boot_seen_at = CASE WHEN g.worker_boot_id IS DISTINCT FROM EXCLUDED.worker_boot_id OR (g.state = 'ended') <> (EXCLUDED.state = 'ended')
         THEN now() ELSE g.boot_seen_at END,
       accepting = EXCLUDED.accepting, spare_ready = EXCLUDED.spare_ready,
       reported_at = greatest(g.reported_at, EXCLUDED.reported_at)`,
    [
      sandboxId,
      generations.map((one) => one.number),
      generations.map((one) => one.state),
      generations.map((one) => one.imageTag),
      generations.map((one) => one.imageDigest),
      generations.map((one) => one.workerBootId),
      generations.map((one) => one.bootSeenMs ?? 0),
      generations.map((one) => one.accepting),
      generations.map((one) => one.spareReady),
      generations.map((one) => one.silentMs),
    ],
  );
}
