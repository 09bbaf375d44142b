import { sourcesOf, taskTransitions } from "@valet/shared";
import type { End, TaskState } from "@valet/shared";
import { storableJson, storableText } from "../storable-json.ts";
import type { Tx } from "../sql.ts";

const targets = ["completed", "failed", "cancelled", "timed_out", "queued", "needs_review"] as const;
/** `state>target` for every legal move: the update takes no other. */
const legalMoves = targets.flatMap((to: TaskState) => sourcesOf(taskTransitions, to).map((from) => `${from}>${to}`));

/** Writes decided ends: attempts, tasks and live events, one statement for all. The tasks' rows are locked by the caller. */
export async function writeEnds(tx: Tx, sandboxId: string, ends: readonly End[]): Promise<void> {
  if (ends.length === 0) return;
  const { rowCount } = await tx.query(
    `WITH e AS (
       SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::jsonb[], $8::jsonb[], $9::boolean[])
         AS e (task_id, fence, outcome, attempt_reason, to_state, reason, result, error, is_free)),
     ended AS (
       UPDATE attempts a SET ended_at = coalesce(a.ended_at, now()), outcome = e.outcome, reason = e.attempt_reason
       FROM e WHERE a.task_id = e.task_id AND a.fence = e.fence),
     moved AS (
       UPDATE tasks t SET state = e.to_state, state_reason = e.reason, result = coalesce(e.result, t.result), error = e.error,
         interruptions = t.interruptions + e.is_free::int,
         steps_done = CASE e.to_state WHEN 'queued' THEN 0 WHEN 'completed' THEN t.step_count ELSE t.steps_done END,
         queue_key = CASE WHEN e.to_state = 'queued' THEN t.enqueued_at - t.priority * interval '1 second' END,
         queue_expires_at = CASE WHEN e.to_state = 'queued' THEN now() + t.queue_timeout_ms * interval '1 millisecond' ELSE t.queue_expires_at END,
         avoid_sandbox_ids = CASE WHEN e.to_state = 'queued' AND NOT $10::uuid = ANY (t.avoid_sandbox_ids)
           THEN t.avoid_sandbox_ids || $10::uuid ELSE t.avoid_sandbox_ids END,
         sandbox_id = CASE WHEN e.to_state = 'queued' THEN NULL ELSE t.sandbox_id END,
         ended_at = CASE WHEN e.to_state IN ('queued', 'needs_review') THEN NULL ELSE now() END
       FROM e WHERE t.id = e.task_id AND t.fence = e.fence AND t.state || '>' || e.to_state = ANY ($11::text[])
       RETURNING t.id, t.tenant_id, t.state, t.sandbox_id),
     live AS (
       INSERT INTO live_events (type, audience, payload)
       SELECT 'task_update', tenant_id, jsonb_build_object('taskId', id, 'status', state, 'sandboxId', sandbox_id) FROM moved
       RETURNING id)
     SELECT pg_notify('valet_live', id::text) FROM live`,
    [
      ends.map((end) => end.finish.taskId),
      ends.map((end) => end.finish.fence),
      ends.map((end) => end.finish.status),
      ends
        .map((end) => end.finish.reason ?? end.finish.error?.message ?? null)
        .map((text) => text && storableText(text)),
      ends.map((end) => end.decision.to),
      ends.map((end) => storableText(end.decision.reason)),
      ends.map((end) => (end.finish.result ? storableJson(end.finish.result) : null)),
      ends.map((end) => (end.decision.error ? storableJson(end.decision.error) : null)),
      ends.map((end) => end.decision.isFree),
      sandboxId,
      legalMoves,
    ],
  );
  if (rowCount !== ends.length) throw new Error(`${ends.length - rowCount} ends did not follow the transition table`);
}
