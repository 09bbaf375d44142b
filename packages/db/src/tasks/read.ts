import type { Environment, TaskState } from "@valet/shared";
import { orderBy } from "../order-by.ts";
import type { JsonObject, Page, PageQuery, Sql } from "../sql.ts";
import type { ArtifactRow, AttemptRow, TaskRow } from "./task-row.ts";

export interface TaskEventRow {
  id: number;
  taskId: string;
  fence: number;
  /** Negative: written by the control plane. */
  seq: number;
  type: string;
  data: JsonObject;
  at: Date;
}

/** A TaskRow of `tasks t`, except for its sandbox's name. */
export const ownTaskColumns = `t.id, t.tenant_id AS "tenantId", t.environment, t.state, t.state_reason AS "stateReason", t.spec,
  t.spec->>'url' AS url, t.step_count AS "stepCount", t.steps_done AS "stepsDone", t.priority, t.restart,
  t.max_attempts AS "maxAttempts", t.attempt_count AS "attemptCount", t.interruptions, t.fence,
  t.cancel_requested AS "cancelRequested", t.result, t.error, t.metadata, t.webhook_url AS "webhookUrl",
  t.sandbox_id AS "sandboxId", t.created_at AS "createdAt", t.enqueued_at AS "enqueuedAt",
  t.started_at AS "startedAt", t.ended_at AS "endedAt"`;
const columns = `${ownTaskColumns}, s.name AS "sandboxName"`;
const from = "FROM tasks t LEFT JOIN sandboxes s ON s.id = t.sandbox_id";

/** `tenantId` given: only that tenant's. */
export async function getTask(sql: Sql, id: string, tenantId?: string): Promise<TaskRow | undefined> {
  const { rows } = await sql.query<TaskRow>(
    `SELECT ${columns} ${from} WHERE t.id = $1 AND ($2::text IS NULL OR t.tenant_id = $2)`,
    [id, tenantId ?? null],
  );
  return rows[0];
}

const sortColumns = {
  createdAt: "t.created_at",
  enqueuedAt: "t.enqueued_at",
  state: "t.state",
  priority: "t.priority",
} as const;

/** `search` finds ids by their beginning and text in the url or metadata. Counts up to 100,000 rows. */
export async function listTasks(
  sql: Sql,
  query: PageQuery & {
    tenantId?: string;
    environment?: Environment;
    state?: TaskState;
    sortBy: keyof typeof sortColumns;
  },
): Promise<Page<TaskRow>> {
  const where = `($1::text IS NULL OR t.tenant_id = $1) AND ($2::text IS NULL OR t.environment = $2)
    AND ($3::text IS NULL OR t.state = $3)
    AND ($4::text IS NULL OR starts_with(t.id::text, lower($4))
      OR strpos(lower(coalesce(t.spec->>'url', '') || ' ' || t.metadata::text), lower($4)) > 0)`;
  const values = [query.tenantId ?? null, query.environment ?? null, query.state ?? null, query.search || null];
  const { rows } = await sql.query<TaskRow>(
    `SELECT ${columns} ${from} WHERE ${where} ${orderBy(sortColumns, query, "t.id")} LIMIT $5 OFFSET $6`,
    [...values, query.pageSize, (query.page - 1) * query.pageSize],
  );
  const { rows: counted } = await sql.query<{ total: number }>(
    `SELECT count(*) AS total FROM (SELECT 1 FROM tasks t WHERE ${where} LIMIT 100000) AS found`,
    values,
  );
  return { rows, total: counted[0]?.total ?? 0 };
}

/** Oldest first, reserved ones that were never acknowledged included. */
export async function attemptsOf(sql: Sql, taskId: string): Promise<AttemptRow[]> {
  const { rows } = await sql.query<AttemptRow>(
    `SELECT a.task_id AS "taskId", a.fence, a.lease_id AS "leaseId", a.number, a.sandbox_id AS "sandboxId", s.name AS "sandboxName",
       a.slot_index AS slot, a.generation, g.image_tag AS "releaseTag", g.image_digest AS "releaseDigest",
       a.reserved_at AS "reservedAt", a.acknowledged_at AS "acknowledgedAt", a.lease_expires_at AS "leaseExpiresAt",
       a.ended_at AS "endedAt", a.outcome, a.reason
     FROM attempts a JOIN sandboxes s ON s.id = a.sandbox_id
       LEFT JOIN generations g ON g.sandbox_id = a.sandbox_id AND g.number = a.generation
     WHERE a.task_id = $1 ORDER BY a.fence`,
    [taskId],
  );
  return rows;
}

/** Events of a task behind `afterId` (resumable), in order of arrival. */
export async function taskEventsAfter(
  sql: Sql,
  taskId: string,
  afterId: number,
  limit: number,
): Promise<TaskEventRow[]> {
  const { rows } = await sql.query<TaskEventRow>(
    `SELECT id, task_id AS "taskId", fence, seq, type, data, at FROM task_events
     WHERE task_id = $1 AND id > $2 ORDER BY id LIMIT $3`,
    [taskId, afterId, limit],
  );
  return rows;
}

/** In the order they arrived, without their content. */
export async function artifactsOf(sql: Sql, taskId: string): Promise<ArtifactRow[]> {
  const { rows } = await sql.query<ArtifactRow>(
    `SELECT id, task_id AS "taskId", fence, name, content_type AS "contentType", sha256, octet_length(content) AS bytes,
       created_at AS "createdAt"
     FROM artifacts WHERE task_id = $1 ORDER BY created_at, name`,
    [taskId],
  );
  return rows;
}
