import { err, ok } from "@valet/shared";
import type { Acknowledged, AttemptKey, LeaseTimes, Result, StaleFence } from "@valet/shared";
import { tellLive } from "../notify.ts";
import type { Sql } from "../sql.ts";

export interface AcknowledgeMany {
  sandboxId: string;
  refs: readonly AttemptKey[];
  times: LeaseTimes;
}

/** The sandbox took the attempt: task `running`, slot `occupied`. Again for the same open attempt: the same answer. */
export async function acknowledge(
  sql: Sql,
  input: { sandboxId: string; ref: AttemptKey; times: LeaseTimes },
): Promise<Result<Acknowledged, StaleFence>> {
  const { sandboxId, ref, times } = input;
  const answer = (await acknowledgeMany(sql, { sandboxId, refs: [ref], times })).get(ref.taskId);
  if (answer) return ok(answer);
  return err({
    kind: "stale_fence",
    message: `attempt ${ref.fence} of task ${ref.taskId} is not this sandbox's any more`,
  });
}

/** The same for many at once, by task id; what is not in the answer was stale. One statement, which takes the sandbox's lock first. */
export async function acknowledgeMany(sql: Sql, input: AcknowledgeMany): Promise<Map<string, Acknowledged>> {
  const { sandboxId, refs, times } = input;
  const { rows } = await sql.query<{ taskId: string; attempt: number }>(
    `WITH box AS MATERIALIZED (SELECT id FROM sandboxes WHERE id = $1 FOR NO KEY UPDATE),
     ref AS (SELECT * FROM unnest($2::uuid[], $3::bigint[], $4::text[]) AS r (task_id, fence, lease_id)),
     taken AS (
       UPDATE attempts a SET acknowledged_at = coalesce(a.acknowledged_at, now()),
         number = CASE WHEN a.acknowledged_at IS NULL THEN t.attempt_count + 1 ELSE a.number END,
         lease_expires_at = now() + $5 * interval '1 millisecond',
         worker_boot_id = coalesce(a.worker_boot_id, (SELECT g.worker_boot_id FROM generations g
           WHERE g.sandbox_id = a.sandbox_id AND g.number = a.generation))
       FROM box CROSS JOIN ref JOIN tasks t ON t.id = ref.task_id
       WHERE a.task_id = ref.task_id AND a.fence = ref.fence AND a.lease_id = ref.lease_id AND a.sandbox_id = $1
         AND a.ended_at IS NULL AND t.fence = a.fence
       RETURNING a.task_id, a.number, a.fence, a.slot_index),
     moved AS (
       UPDATE tasks t SET state = 'running', state_reason = '', attempt_count = taken.number,
         started_at = coalesce(t.started_at, now())
       FROM taken WHERE t.id = taken.task_id AND t.state = 'assigned' RETURNING t.id, t.tenant_id),
     occupied AS (
       UPDATE slots l SET state = 'occupied', updated_at = now() FROM taken
       WHERE l.sandbox_id = $1 AND l.index = taken.slot_index AND l.task_id = taken.task_id AND l.fence = taken.fence AND l.state = 'reserved'),
     calm AS (
       UPDATE sandboxes SET unacknowledged_in_a_row = 0 WHERE id = $1 AND unacknowledged_in_a_row > 0),
     live AS (
       INSERT INTO live_events (type, audience, payload)
       SELECT 'task_update', tenant_id, jsonb_build_object('taskId', id, 'status', 'running', 'sandboxId', $1::uuid) FROM moved
       RETURNING id),
     told AS (${tellLive("live")})
     SELECT taken.task_id AS "taskId", taken.number AS attempt FROM taken, told`,
    [sandboxId, refs.map((r) => r.taskId), refs.map((r) => r.fence), refs.map((r) => r.leaseId), times.leaseMs],
  );
  return new Map(rows.map((row) => [row.taskId, { attempt: row.attempt, leaseExpiresInMs: times.leaseMs }]));
}
