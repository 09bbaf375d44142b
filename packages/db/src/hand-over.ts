import { movableSlotStates } from "@valet/shared";
import { announceSandboxes } from "./announce.ts";
import { lockSandbox } from "./lock-sandbox.ts";
import { notify } from "./notify.ts";
import type { Tx } from "./sql.ts";

/**
 * Start-first: when the target generation has a spare browser ready, one free slot of another generation becomes its.
 * Returns how many slots moved (0 or 1). The new owner prepares the next spare, and the next call moves the next slot.
 */
export async function handOverSlots(tx: Tx, sandboxId: string): Promise<number> {
  const sandbox = await lockSandbox(tx, sandboxId);
  if (!sandbox || sandbox.target === null) return 0;
  return (await moveFreeSlot(tx, sandboxId, sandbox.target)) ? 1 : 0;
}

/** The same under a lock that the caller holds. A slot that is not usable moves first: that only adds capacity. */
export async function moveFreeSlot(tx: Tx, sandboxId: string, target: number): Promise<boolean> {
  const { rowCount } = await tx.query(
    `WITH spare AS (
       SELECT number FROM generations WHERE sandbox_id = $1 AND number = $2 AND spare_ready AND state <> 'ended'),
     picked AS (
       SELECT l.id FROM slots l, spare
       WHERE l.sandbox_id = $1 AND l.generation IS DISTINCT FROM spare.number AND l.state = ANY ($3::text[])
         AND (SELECT s.target_slots IS NULL OR s.target_slots >
             (SELECT count(*) FROM slots own WHERE own.sandbox_id = $1 AND own.generation = $2)
           FROM sandboxes s WHERE s.id = $1)
       ORDER BY array_position($3::text[], l.state), l.index LIMIT 1),
     moved AS (
       UPDATE slots SET generation = $2, state = 'accepting', updated_at = now() FROM picked WHERE slots.id = picked.id RETURNING 1),
     used AS (
       UPDATE generations SET spare_ready = false FROM moved WHERE sandbox_id = $1 AND number = $2)
     UPDATE sandboxes SET plan_revision = plan_revision + 1 FROM moved WHERE sandboxes.id = $1`,
    [sandboxId, target, movableSlotStates],
  );
  if (rowCount === 0) return false;
  await announceSandboxes(tx, [sandboxId]);
  await notify(tx, "sandbox", [sandboxId]);
  await notify(tx, "assign", [""]);
  return true;
}
