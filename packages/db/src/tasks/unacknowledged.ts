import { quarantineLeases, unacknowledgedToQuarantine } from "@valet/shared";
import type { LeaseTimes, UnacknowledgedResult } from "@valet/shared";
import { announceSandboxes, announceTasks } from "../announce.ts";
import { lockSandbox } from "../lock-sandbox.ts";
import { notify } from "../notify.ts";
import type { Tx } from "../sql.ts";

/**
 * Assignments that nobody acknowledged in time go back to the queue at no cost, and avoid that sandbox; after three in a row it
 * is quarantined.
 */
export async function expireUnacknowledged(tx: Tx, times: LeaseTimes): Promise<UnacknowledgedResult> {
  const late = `a.ended_at IS NULL AND a.acknowledged_at IS NULL AND a.reserved_at < clock_timestamp() - $1 * interval '1 millisecond'`;
  const { rows: sandboxes } = await tx.query<{ id: string }>(
    `SELECT DISTINCT a.sandbox_id AS id FROM attempts a WHERE ${late} ORDER BY 1`,
    [times.acknowledgeMs],
  );
  const result: UnacknowledgedResult = { requeued: [], quarantined: [] };
  for (const { id } of sandboxes) {
    await lockSandbox(tx, id);
    const { rows } = await tx.query<{ taskId: string; fence: number }>(
      `SELECT a.task_id AS "taskId", a.fence FROM attempts a WHERE a.sandbox_id = $2 AND ${late}`,
      [times.acknowledgeMs, id],
    );
    const taskIds = await takeBack(tx, id, rows, "nobody acknowledged it in time");
    result.requeued.push(...taskIds);
    if (taskIds.length > 0 && (await countInARow(tx, id, taskIds.length, times))) result.quarantined.push(id);
  }
  return result;
}

/** Undoes reservations: attempts end as `unacknowledged`, slots accept again, tasks keep their place in the queue. */
export async function takeBack(
  tx: Tx,
  sandboxId: string,
  attempts: readonly { taskId: string; fence: number }[],
  reason: string,
): Promise<string[]> {
  const { rows } = await tx.query<{ id: string }>(
    `WITH r AS (SELECT * FROM unnest($2::uuid[], $3::bigint[]) AS r (task_id, fence)),
     ended AS (
       UPDATE attempts a SET ended_at = now(), outcome = 'unacknowledged', reason = $4 FROM r
       WHERE a.task_id = r.task_id AND a.fence = r.fence AND a.ended_at IS NULL),
     freed AS (
       UPDATE slots l SET state = 'accepting', task_id = NULL, fence = NULL, updated_at = now() FROM r
       WHERE l.sandbox_id = $1 AND l.task_id = r.task_id AND l.fence = r.fence AND l.state = 'reserved')
     UPDATE tasks t SET state = 'queued', state_reason = $4, sandbox_id = NULL,
       queue_key = t.enqueued_at - t.priority * interval '1 second',
       avoid_sandbox_ids = CASE WHEN $1::uuid = ANY (t.avoid_sandbox_ids) THEN t.avoid_sandbox_ids ELSE t.avoid_sandbox_ids || $1::uuid END
     FROM r WHERE t.id = r.task_id AND t.fence = r.fence AND t.state = 'assigned' RETURNING t.id`,
    [sandboxId, attempts.map((one) => one.taskId), attempts.map((one) => one.fence), reason],
  );
  const taskIds = rows.map((row) => row.id);
  await announceTasks(tx, taskIds);
  // Its next acknowledgement will be refused; the long-poll need not offer it any more.
  if (taskIds.length > 0) await notify(tx, "sandbox", [sandboxId]);
  if (taskIds.length > 0) await notify(tx, "assign", [""]);
  return taskIds;
}

async function countInARow(tx: Tx, sandboxId: string, count: number, times: LeaseTimes): Promise<boolean> {
  const { rows } = await tx.query<{ quarantined: boolean }>(
    `UPDATE sandboxes SET unacknowledged_in_a_row = CASE WHEN unacknowledged_in_a_row + $2 >= $3 THEN 0 ELSE unacknowledged_in_a_row + $2 END,
       quarantined_until = CASE WHEN unacknowledged_in_a_row + $2 >= $3 THEN now() + $4 * interval '1 millisecond' ELSE quarantined_until END
     WHERE id = $1 RETURNING quarantined_until > now() AS quarantined`,
    [sandboxId, count, unacknowledgedToQuarantine, times.leaseMs * quarantineLeases],
  );
  if (!rows[0]?.quarantined) return false;
  await announceSandboxes(tx, [sandboxId]);
  return true;
}
