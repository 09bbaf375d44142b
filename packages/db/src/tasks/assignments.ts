import type { AssignmentRow, AttemptKey } from "@valet/shared";
import type { Sql } from "../sql.ts";

const columns = `a.task_id AS "taskId", a.fence, a.lease_id AS "leaseId",
  CASE WHEN a.acknowledged_at IS NULL THEN t.attempt_count + 1 ELSE a.number END AS attempt,
  a.slot_index AS slot, a.generation, a.acknowledged_at IS NOT NULL AS acknowledged, t.spec`;

/** Open attempts of several sandboxes, as each is told of its own when it opens its session. */
export async function assignmentsOfMany(
  sql: Sql,
  sandboxIds: readonly string[],
): Promise<(AssignmentRow & { sandboxId: string })[]> {
  const { rows } = await sql.query<AssignmentRow & { sandboxId: string }>(
    `SELECT a.sandbox_id AS "sandboxId", ${columns} FROM attempts a JOIN tasks t ON t.id = a.task_id
     WHERE a.sandbox_id = ANY ($1::uuid[]) AND a.ended_at IS NULL ORDER BY a.reserved_at, a.slot_index`,
    [sandboxIds],
  );
  return rows;
}

/** Open attempts of a sandbox; with `unacknowledgedOnly` what its long-poll is to hear about. */
export async function assignmentsFor(
  sql: Sql,
  sandboxId: string,
  options: { unacknowledgedOnly?: boolean } = {},
): Promise<AssignmentRow[]> {
  const { rows } = await sql.query<AssignmentRow>(
    `SELECT ${columns} FROM attempts a JOIN tasks t ON t.id = a.task_id
     WHERE a.sandbox_id = $1 AND a.ended_at IS NULL AND (NOT $2 OR a.acknowledged_at IS NULL)
     ORDER BY a.reserved_at, a.slot_index`,
    [sandboxId, options.unacknowledgedOnly ?? false],
  );
  return rows;
}

/** Open attempts whose cancellation was asked for. */
export async function cancelsFor(sql: Sql, sandboxId: string): Promise<AttemptKey[]> {
  const { rows } = await sql.query<AttemptKey>(
    `SELECT a.task_id AS "taskId", a.fence, a.lease_id AS "leaseId" FROM attempts a JOIN tasks t ON t.id = a.task_id
     WHERE a.sandbox_id = $1 AND a.ended_at IS NULL AND t.cancel_requested ORDER BY a.task_id`,
    [sandboxId],
  );
  return rows;
}
