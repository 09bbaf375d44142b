import type { EventInput, Finish } from "@valet/shared";
import { tellLive } from "../notify.ts";
import { storableJson } from "../storable-json.ts";
import type { Tx } from "../sql.ts";

/** What storing a batch of events found out. */
export interface StoredEvents {
  /** Attempts of this sandbox that the events belong to, by task and fence. */
  known: { taskId: string; fence: number; leaseId: string; isNewest: boolean }[];
  /** Tasks of which something new was stored under the newest fence. */
  fresh: string[];
  /** Tasks that ended by it, which are announced already. */
  ended: Set<string>;
}

/**
 * Stores what is new, closes the permits of journalled steps, moves `steps_done` on, and ends by itself what ends plainly (`ends`:
 * completed): in time, and with no hand-over under way on the sandbox. Other ends need a decision (`completeAttempts`). One
 * statement, which takes the sandbox's lock before any task's when the caller is going to end attempts.
 */
export async function storeEvents(
  tx: Tx,
  sandboxId: string,
  events: readonly EventInput[],
  { ends, locksSandbox }: { ends: readonly Finish[]; locksSandbox: boolean },
): Promise<StoredEvents> {
  const { rows } = await tx.query<StoredEvents["known"][number] & { isFresh: boolean; isEnded: boolean }>(
    ends.length > 0 ? storeAndEnd : locksSandbox ? storeUnderLock : storeOnly,
    [
      sandboxId,
      events.map((event) => event.taskId),
      events.map((event) => event.fence),
      events.map((event) => event.leaseId),
      events.map((event) => event.seq),
      events.map((event) => event.type),
      events.map((event) => storableJson(event.data)),
      events.map((event) => event.at),
      ...(ends.length === 0
        ? []
        : [
            ends.map((end) => end.taskId),
            ends.map((end) => end.fence),
            ends.map((end) => end.leaseId),
            ends.map((end) => storableJson(end.result ?? {})),
          ]),
    ],
  );
  return {
    known: rows,
    fresh: rows.filter((row) => row.isFresh && row.isNewest).map((row) => row.taskId),
    ended: new Set(rows.filter((row) => row.isEnded && row.isNewest).map((row) => row.taskId)),
  };
}

const store = (lock: string): string => `
  WITH box AS MATERIALIZED (SELECT id, capacity, target_generation FROM sandboxes WHERE id = $1 ${lock}),
  e AS (
    SELECT * FROM unnest($2::uuid[], $3::bigint[], $4::text[], $5::int[], $6::text[], $7::jsonb[], $8::timestamptz[])
      WITH ORDINALITY AS e (task_id, fence, lease_id, seq, type, data, at, place)),
  known AS (
    SELECT d.task_id, d.fence, d.lease_id, d.has_end, a.slot_index, t.fence = d.fence AS is_newest,
      a.ended_at IS NULL AND t.fence = d.fence AND t.state IN ('running', 'paused', 'needs_human') AS is_live
    FROM box CROSS JOIN (SELECT task_id, fence, lease_id, bool_or(type = 'finished') AS has_end FROM e GROUP BY 1, 2, 3) AS d
      -- LIMIT keeps the planner from reading the whole table while its statistics say that it is small.
      CROSS JOIN LATERAL (SELECT slot_index, ended_at FROM attempts
        WHERE task_id = d.task_id AND fence = d.fence AND lease_id = d.lease_id AND sandbox_id = box.id LIMIT 1) AS a
      CROSS JOIN LATERAL (SELECT fence, state FROM tasks WHERE id = d.task_id LIMIT 1) AS t),
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
    WHERE is_done AND task_id NOT IN (SELECT task_id FROM known WHERE has_end) GROUP BY task_id, fence),
  moved AS (
    UPDATE tasks t SET steps_done = far.steps FROM far
    WHERE t.id = far.task_id AND t.fence = far.fence AND t.steps_done < far.steps
      AND t.state IN ('running', 'paused', 'needs_human'))`;

const answer = `known.task_id AS "taskId", fence, lease_id AS "leaseId", is_newest AS "isNewest",
    known.task_id IN (SELECT task_id FROM stored) AS "isFresh"`;
const storeOnly = `${store("")} SELECT ${answer}, false AS "isEnded" FROM known`;
const storeUnderLock = `${store("FOR NO KEY UPDATE")} SELECT ${answer}, false AS "isEnded" FROM known`;
/**
 * What is read here may be a moment older than the lock: the write looks again at the attempt, which nobody ends without the lock, and
 * a slot that has moved meanwhile is moved on by the next heartbeat.
 */
const storeAndEnd = `${store("FOR NO KEY UPDATE")},
  f AS (SELECT * FROM unnest($9::uuid[], $10::bigint[], $11::text[], $12::jsonb[]) AS f (task_id, fence, lease_id, result)),
  calm AS MATERIALIZED (
    SELECT box.id FROM box WHERE NOT EXISTS (
      SELECT 1 FROM slots l WHERE l.sandbox_id = box.id
        AND (l.index >= box.capacity OR (box.target_generation IS NOT NULL AND l.generation IS DISTINCT FROM box.target_generation)))),
  plain AS MATERIALIZED (
    SELECT known.task_id, known.fence, known.slot_index, f.result
    FROM calm, known JOIN f USING (task_id, fence, lease_id) WHERE known.is_live),
  ended AS (
    UPDATE attempts a SET ended_at = now(), outcome = 'completed' FROM plain
    WHERE a.task_id = plain.task_id AND a.fence = plain.fence AND a.ended_at IS NULL
    RETURNING plain.*),
  completed AS (
    UPDATE tasks t SET state = 'completed', state_reason = '', result = ended.result, error = NULL,
      steps_done = t.step_count, ended_at = now()
    FROM ended WHERE t.id = ended.task_id RETURNING t.id, t.tenant_id),
  freed AS (
    UPDATE slots l SET state = 'renewing', task_id = NULL, fence = NULL, updated_at = now() FROM ended
    WHERE l.sandbox_id = $1 AND l.index = ended.slot_index AND l.task_id = ended.task_id AND l.fence = ended.fence),
  live AS (
    INSERT INTO live_events (type, audience, payload)
    SELECT 'task_update', tenant_id, jsonb_build_object('taskId', id, 'status', 'completed', 'sandboxId', $1::uuid) FROM completed
    RETURNING id),
  told AS MATERIALIZED (${tellLive("live")})
  SELECT ${answer}, known.task_id IN (SELECT id FROM completed) AS "isEnded" FROM known, told`;
