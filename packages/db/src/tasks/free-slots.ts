import { freedSlots, roomAtTarget } from "@valet/shared";
import type { End } from "@valet/shared";
import { notify } from "../notify.ts";
import type { LockedSandbox } from "../lock-sandbox.ts";
import type { Tx } from "../sql.ts";

interface HeldSlot {
  id: string;
  index: number;
  generation: number | null;
}

/** Frees the slots of attempts that ended just now; they may go to the target generation by it. */
export async function freeSlots(tx: Tx, sandbox: LockedSandbox, ends: readonly End[]): Promise<void> {
  const open = ends.filter((end) => end.isOpen).map((end) => end.finish);
  if (open.length === 0) return;
  const { rows: slots } = await tx.query<HeldSlot>(
    `SELECT l.id, l.index, l.generation FROM unnest($1::uuid[], $2::bigint[]) AS f (task_id, fence)
       JOIN slots l ON l.sandbox_id = $3 AND l.task_id = f.task_id AND l.fence = f.fence ORDER BY l.index`,
    [open.map((finish) => finish.taskId), open.map((finish) => finish.fence), sandbox.id],
  );
  const isForeign = slots.some((slot) => sandbox.target !== null && slot.generation !== sandbox.target);
  const target = isForeign ? await targetGeneration(tx, sandbox) : undefined;
  const room = isForeign ? await roomOf(tx, sandbox) : 0;
  await writeFreed(tx, sandbox, freedSlots(slots, sandbox.target, target?.spareReady, room));
  if (slots.some((slot) => slot.index >= sandbox.capacity)) await dropSurplus(tx, sandbox);
}

/** Undefined when the target is gone: then slots stay where they are. */
async function targetGeneration(tx: Tx, sandbox: LockedSandbox): Promise<{ spareReady: boolean } | undefined> {
  const { rows } = await tx.query<{ spareReady: boolean }>(
    `SELECT spare_ready AS "spareReady" FROM generations WHERE sandbox_id = $1 AND number = $2 AND state <> 'ended'`,
    [sandbox.id, sandbox.target],
  );
  return rows[0];
}

/** How many more slots may go to the target. */
async function roomOf(tx: Tx, { id, target, targetSlots }: LockedSandbox): Promise<number> {
  if (targetSlots === null) return roomAtTarget([], target, targetSlots);
  const { rows } = await tx.query<{ generation: number | null }>("SELECT generation FROM slots WHERE sandbox_id = $1", [
    id,
  ]);
  return roomAtTarget(rows, target, targetSlots);
}

async function writeFreed(
  tx: Tx,
  sandbox: LockedSandbox,
  { freed, usesSpare, changesPlan }: ReturnType<typeof freedSlots>,
): Promise<void> {
  await tx.query(
    `UPDATE slots l SET state = f.state, generation = f.generation, task_id = NULL, fence = NULL, updated_at = now()
     FROM unnest($1::uuid[], $2::int[], $3::text[]) AS f (id, generation, state) WHERE l.id = f.id`,
    [freed.map((slot) => slot.id), freed.map((slot) => slot.generation), freed.map((slot) => slot.state)],
  );
  if (!changesPlan) return;
  await tx.query("UPDATE sandboxes SET plan_revision = plan_revision + 1 WHERE id = $1", [sandbox.id]);
  if (usesSpare) {
    await tx.query("UPDATE generations SET spare_ready = false WHERE sandbox_id = $1 AND number = $2", [
      sandbox.id,
      sandbox.target,
    ]);
    await notify(tx, "assign", [""]);
  }
  await notify(tx, "sandbox", [sandbox.id]);
}

/** The capacity was lowered while these were busy. */
async function dropSurplus(tx: Tx, sandbox: LockedSandbox): Promise<void> {
  await tx.query("DELETE FROM slots WHERE sandbox_id = $1 AND index >= $2 AND task_id IS NULL", [
    sandbox.id,
    sandbox.capacity,
  ]);
}
