import type { GenerationState } from "@valet/shared";
import { notify } from "./notify.ts";
import type { GenerationInput } from "./heartbeat.ts";
import type { Tx } from "./sql.ts";

/** A generation row, with ages on the database's clock. */
export interface StoredGeneration {
  number: number;
  state: GenerationState;
  imageTag: string;
  imageDigest: string;
  workerBootId: string | null;
  accepting: boolean;
  spareReady: boolean;
  /** Since this boot of its GH worker, or its end, was first reported. */
  bootSeenMs: number | null;
  /** Since it last answered. */
  silentMs: number;
}

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
  const now = reports.map((report) =>
    merge(
      report,
      stored.find((one) => one.number === report.generation),
    ),
  );
  const silent = stored
    .filter((one) => one.state !== "ended" && !reports.some((report) => report.generation === one.number))
    .map((one) => ({ ...one, accepting: false, spareReady: false }));
  const all = [...now, ...silent];
  const changed = all.filter((one) => {
    const before = stored.find((candidate) => candidate.number === one.number);
    return !before || differs(one, before);
  });
  if (changed.length > 0) await write(tx, sandboxId, changed);
  const isNewlyAccepting = changed.some(
    (one) => one.accepting && !stored.find((before) => before.number === one.number)?.accepting,
  );
  if (isNewlyAccepting) await notify(tx, "assign", [""]);
  return all;
}

function merge(report: GenerationInput, before: StoredGeneration | undefined): StoredGeneration {
  const isHeard = report.reachable || report.state === "ended";
  const boot = report.reachable ? report.workerBootId : (before?.workerBootId ?? null);
  const isSame = before && before.workerBootId === boot && (before.state === "ended") === (report.state === "ended");
  return {
    number: report.generation,
    state: report.state,
    imageTag: report.imageTag,
    imageDigest: report.imageDigest,
    workerBootId: boot,
    accepting: report.reachable && report.accepting,
    spareReady: report.spareReady,
    bootSeenMs: isSame ? before.bootSeenMs : 0,
    silentMs: isHeard ? 0 : (before?.silentMs ?? 0),
  };
}

function differs(one: StoredGeneration, before: StoredGeneration): boolean {
  const fields = ["state", "imageTag", "imageDigest", "workerBootId", "accepting", "spareReady"] as const;
  return fields.some((field) => one[field] !== before[field]) || (one.bootSeenMs === 0 && before.bootSeenMs !== 0);
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
