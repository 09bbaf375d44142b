import { err, ok } from "@valet/shared";
import type { Environment, Result } from "@valet/shared";
import type { Tx } from "../sql.ts";
import { placementKey } from "./placement.ts";
import { getTask, ownTaskColumns } from "./read.ts";
import type { TaskRow, TaskSpecInput } from "./task-row.ts";

export interface NewTask {
  tenantId: string;
  environment: Environment;
  spec: TaskSpecInput;
  idempotencyKey?: string;
  /** Hash of the canonical body; needed with a key. */
  bodyHash?: string;
}
export interface IdempotencyConflict {
  kind: "idempotency_conflict";
  taskId: string;
  message: string;
}

const insert = `INSERT INTO tasks AS t (id, tenant_id, environment, spec, step_count, priority, placement_labels, placement_sandbox_id,
    placement_key, restart, max_attempts, metadata, webhook_url, queue_key, queue_timeout_ms, queue_expires_at)
  SELECT id, $2, $3, $4, $5, $6::int, $7, $8, $9, $10, $11, $12, $13, now() - $6::int * interval '1 second', $14::int,
    now() + $14::int * interval '1 millisecond'`;

/**
 * Queues a task and wakes the assigner. With a key that was used before: the same task again (`replayed`), or a conflict when
 * the body differs. Two posts with one key at once wait for each other, and both get the one task.
 */
export async function submitTask(
  tx: Tx,
  input: NewTask,
): Promise<Result<{ task: TaskRow; replayed: boolean }, IdempotencyConflict>> {
  const task = await insertTask(tx, input);
  return task ? ok({ task, replayed: false }) : replay(tx, input);
}

async function insertTask(tx: Tx, input: NewTask): Promise<TaskRow | undefined> {
  const { spec } = input;
  const values = [
    crypto.randomUUID(),
    input.tenantId,
    input.environment,
    JSON.stringify(spec),
    spec.steps.length,
    spec.priority,
    JSON.stringify(spec.placement.labels),
    spec.placement.sandboxId ?? null,
    placementKey(spec.placement),
    spec.restart,
    spec.retry.maxAttempts,
    JSON.stringify(spec.metadata),
    spec.webhookUrl ?? null,
    spec.queueTimeoutMs,
  ];
  const stored = `stored AS (${insert} FROM claimed RETURNING ${ownTaskColumns}, NULL AS "sandboxName"),
    live AS (
      INSERT INTO live_events (type, audience, payload)
      SELECT 'task_update', "tenantId", jsonb_build_object('taskId', id, 'status', 'queued', 'sandboxId', null) FROM stored
      RETURNING id),
    told AS (SELECT pg_notify('valet_live', live.id::text), pg_notify('valet_assign', '') FROM live)
    SELECT stored.* FROM stored, told`;
  const { idempotencyKey, bodyHash } = input;
  const { rows } =
    idempotencyKey === undefined
      ? await tx.query<TaskRow>(`WITH claimed AS (SELECT $1::uuid AS id), ${stored}`, values)
      : await tx.query<TaskRow>(
          `WITH claimed AS (
             INSERT INTO idempotency_keys (tenant_id, key, body_hash, task_id) VALUES ($2, $15, $16, $1)
             ON CONFLICT (tenant_id, key) DO NOTHING RETURNING task_id AS id), ${stored}`,
          [...values, idempotencyKey, bodyHash ?? ""],
        );
  return rows[0];
}

async function replay(
  tx: Tx,
  input: NewTask,
): Promise<Result<{ task: TaskRow; replayed: boolean }, IdempotencyConflict>> {
  const { rows } = await tx.query<{ taskId: string; bodyHash: string }>(
    `SELECT task_id AS "taskId", body_hash AS "bodyHash" FROM idempotency_keys WHERE tenant_id = $1 AND key = $2`,
    [input.tenantId, input.idempotencyKey],
  );
  const earlier = rows[0];
  if (!earlier) throw new Error(`idempotency key ${input.idempotencyKey} was taken and is gone`);
  if (earlier.bodyHash === (input.bodyHash ?? "")) {
    return ok({ task: await mustGet(tx, earlier.taskId), replayed: true });
  }
  const message = `this Idempotency-Key was used for another body, which became task ${earlier.taskId}`;
  return err({ kind: "idempotency_conflict", taskId: earlier.taskId, message });
}

async function mustGet(tx: Tx, id: string): Promise<TaskRow> {
  const task = await getTask(tx, id);
  if (!task) throw new Error(`task ${id} vanished while it was submitted`);
  return task;
}
