import type { Finish } from "@valet/shared";
import { tellLive } from "../notify.ts";
import type { Tx } from "../sql.ts";

/**
 * The common end, in one statement: completed, in time, and no hand-over under way on the sandbox, whose lock the caller holds. Returns
 * the tasks it ended; the others need a decision (`completeAttempts`).
 */
export async function completePlainly(tx: Tx, sandboxId: string, finishes: readonly Finish[]): Promise<Set<string>> {
  if (finishes.length === 0) return new Set();
  const { rows } = await tx.query<{ id: string }>(
    `WITH f AS (SELECT * FROM unnest($2::uuid[], $3::bigint[], $4::text[], $5::jsonb[]) AS f (task_id, fence, lease_id, result)),
     calm AS MATERIALIZED (
       SELECT s.id FROM sandboxes s WHERE s.id = $1 AND NOT EXISTS (
         SELECT 1 FROM slots l WHERE l.sandbox_id = s.id
           AND (l.index >= s.capacity OR (s.target_generation IS NOT NULL AND l.generation IS DISTINCT FROM s.target_generation)))),
     ended AS (
       UPDATE attempts a SET ended_at = now(), outcome = 'completed' FROM calm CROSS JOIN f JOIN tasks t ON t.id = f.task_id
       WHERE a.task_id = f.task_id AND a.fence = f.fence AND a.lease_id = f.lease_id AND a.sandbox_id = calm.id
         AND a.ended_at IS NULL AND t.fence = f.fence AND t.state IN ('running', 'paused', 'needs_human')
       RETURNING a.task_id, a.fence, a.slot_index, f.result),
     moved AS (
       UPDATE tasks t SET state = 'completed', state_reason = '', result = ended.result, error = NULL,
         steps_done = t.step_count, ended_at = now()
       FROM ended WHERE t.id = ended.task_id RETURNING t.id, t.tenant_id),
     freed AS (
       UPDATE slots l SET state = 'renewing', task_id = NULL, fence = NULL, updated_at = now() FROM ended
       WHERE l.sandbox_id = $1 AND l.index = ended.slot_index AND l.task_id = ended.task_id AND l.fence = ended.fence),
     live AS (
       INSERT INTO live_events (type, audience, payload)
       SELECT 'task_update', tenant_id, jsonb_build_object('taskId', id, 'status', 'completed', 'sandboxId', $1::uuid) FROM moved
       RETURNING id),
     told AS (${tellLive("live")})
     SELECT moved.id FROM moved, told`,
    [
      sandboxId,
      finishes.map((finish) => finish.taskId),
      finishes.map((finish) => finish.fence),
      finishes.map((finish) => finish.leaseId),
      finishes.map((finish) => JSON.stringify(finish.result ?? {})),
    ],
  );
  return new Set(rows.map((row) => row.id));
}
