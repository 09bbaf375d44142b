import type { AssignmentRow, AttemptKey, SlotPlanRow } from "@valet/shared";
import type { Sql } from "../sql.ts";

/** All that a sandbox's long-poll may have to tell, in one row. */
export interface SessionNews {
  sandboxId: string;
  /** The live session, if there is one. */
  sessionId: string | null;
  /** Reserved and not acknowledged. */
  assignments: AssignmentRow[];
  cancel: AttemptKey[];
  plan: SlotPlanRow;
}

/** News of many sandboxes in one query: the long-polls of a fleet wake together. */
export async function sessionNews(sql: Sql, sandboxIds: readonly string[]): Promise<SessionNews[]> {
  const { rows } = await sql.query<SessionNews>(
    `SELECT s.id AS "sandboxId",
       (SELECT n.id FROM sessions n WHERE n.sandbox_id = s.id AND n.closed_at IS NULL) AS "sessionId",
       coalesce((SELECT jsonb_agg(jsonb_build_object('taskId', a.task_id, 'fence', a.fence, 'leaseId', a.lease_id,
           'attempt', t.attempt_count + 1, 'slot', a.slot_index, 'generation', a.generation, 'acknowledged', false,
           'spec', t.spec) ORDER BY a.reserved_at, a.slot_index)
         FROM attempts a JOIN tasks t ON t.id = a.task_id
         WHERE a.sandbox_id = s.id AND a.ended_at IS NULL AND a.acknowledged_at IS NULL), '[]') AS assignments,
       coalesce((SELECT jsonb_agg(jsonb_build_object('taskId', a.task_id, 'fence', a.fence, 'leaseId', a.lease_id))
         FROM attempts a JOIN tasks t ON t.id = a.task_id
         WHERE a.sandbox_id = s.id AND a.ended_at IS NULL AND t.cancel_requested), '[]') AS cancel,
       jsonb_build_object('revision', s.plan_revision, 'target', s.target_generation,
         'slots', coalesce((SELECT jsonb_agg(jsonb_build_object('index', l.index, 'generation', l.generation) ORDER BY l.index)
           FROM slots l WHERE l.sandbox_id = s.id), '[]'),
         'draining', EXISTS (SELECT 1 FROM cordons c WHERE c.sandbox_id = s.id)) AS plan
     FROM sandboxes s WHERE s.id = ANY($1::uuid[])`,
    [sandboxIds],
  );
  return rows;
}

export interface WaitingSession {
  sandboxId: string;
  sessionId: string;
  planRevision: number;
}

/** Which of the waiting sessions may have news: a cheap look that covers a missed notification. */
export async function sessionsWithNews(sql: Sql, waiting: readonly WaitingSession[]): Promise<string[]> {
  const { rows } = await sql.query<{ id: string }>(
    `SELECT s.id FROM unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS w (sandbox_id, session_id, plan_revision)
       JOIN sandboxes s ON s.id = w.sandbox_id
     WHERE s.plan_revision <> w.plan_revision
        OR NOT EXISTS (SELECT 1 FROM sessions n WHERE n.id = w.session_id AND n.closed_at IS NULL)
        OR EXISTS (SELECT 1 FROM attempts a JOIN tasks t ON t.id = a.task_id
                   WHERE a.sandbox_id = s.id AND a.ended_at IS NULL AND (a.acknowledged_at IS NULL OR t.cancel_requested))`,
    [
      waiting.map((w) => w.sandboxId),
      waiting.map((w) => w.sessionId),
      waiting.map((w) => Math.min(w.planRevision, Number.MAX_SAFE_INTEGER)),
    ],
  );
  return rows.map((row) => row.id);
}
