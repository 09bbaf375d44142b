import type { EventInput } from "@valet/shared";
import type { Tx } from "../sql.ts";

/** What storing a batch of events found out. */
export interface StoredEvents {
  /** Attempts of this sandbox that the events belong to, by task and fence. */
  known: { taskId: string; fence: number; leaseId: string; isNewest: boolean }[];
  /** Tasks of which something new was stored under the newest fence. */
  fresh: string[];
}

/**
 * Stores what is new, closes the permits of journalled steps, and moves `steps_done` on: one statement. `locksSandbox` takes the
 * sandbox's lock before any task's, for a caller that is going to end attempts.
 */
export async function storeEvents(
  tx: Tx,
  sandboxId: string,
  events: readonly EventInput[],
  locksSandbox: boolean,
): Promise<StoredEvents> {
  const lock = locksSandbox ? "FOR NO KEY UPDATE" : "";
  const { rows } = await tx.query<StoredEvents["known"][number] & { isFresh: boolean }>(
    `WITH box AS MATERIALIZED (SELECT id FROM sandboxes WHERE id = $1 ${lock}),
     e AS (
       SELECT * FROM unnest($2::uuid[], $3::bigint[], $4::text[], $5::int[], $6::text[], $7::jsonb[], $8::timestamptz[])
         WITH ORDINALITY AS e (task_id, fence, lease_id, seq, type, data, at, place)),
     known AS (
       SELECT d.task_id, d.fence, a.lease_id, t.fence = d.fence AS is_newest
       FROM box CROSS JOIN (SELECT DISTINCT task_id, fence FROM e) AS d
         -- LIMIT keeps the planner from reading the whole table while its statistics say that it is small.
         CROSS JOIN LATERAL (SELECT lease_id FROM attempts
           WHERE task_id = d.task_id AND fence = d.fence AND sandbox_id = box.id LIMIT 1) AS a
         CROSS JOIN LATERAL (SELECT fence FROM tasks WHERE id = d.task_id LIMIT 1) AS t),
     stored AS (
       INSERT INTO task_events (task_id, fence, seq, type, data, at)
       SELECT e.task_id, e.fence, e.seq, e.type, e.data, e.at FROM known JOIN e USING (task_id, fence, lease_id)
       ORDER BY e.place
       ON CONFLICT (task_id, fence, seq) DO NOTHING RETURNING task_id, fence, type, data),
     done AS (
       SELECT task_id, fence, (data->>'stepIndex')::int AS step_index, type = 'step_done' AS is_done FROM stored
       WHERE type IN ('step_done', 'step_failed') AND jsonb_typeof(data->'stepIndex') = 'number'),
     closed AS (
       UPDATE permits p SET outcome = CASE WHEN done.is_done THEN 'done' ELSE 'failed' END, outcome_at = now() FROM done
       WHERE p.task_id = done.task_id AND p.fence = done.fence AND p.step_index = done.step_index AND p.outcome IS NULL),
     far AS (
       SELECT task_id, fence, max(step_index) + 1 AS steps FROM done
       WHERE is_done AND task_id NOT IN (SELECT task_id FROM stored WHERE type = 'finished') GROUP BY task_id, fence),
     moved AS (
       UPDATE tasks t SET steps_done = far.steps FROM far
       WHERE t.id = far.task_id AND t.fence = far.fence AND t.steps_done < far.steps
         AND t.state IN ('running', 'paused', 'needs_human'))
     SELECT task_id AS "taskId", fence, lease_id AS "leaseId", is_newest AS "isNewest",
       task_id IN (SELECT task_id FROM stored) AS "isFresh" FROM known`,
    [
      sandboxId,
      events.map((event) => event.taskId),
      events.map((event) => event.fence),
      events.map((event) => event.leaseId),
      events.map((event) => event.seq),
      events.map((event) => event.type),
      events.map((event) => JSON.stringify(event.data)),
      events.map((event) => event.at),
    ],
  );
  return { known: rows, fresh: rows.filter((row) => row.isFresh && row.isNewest).map((row) => row.taskId) };
}
