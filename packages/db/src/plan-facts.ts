import type { Environment, HostOrder, Service } from "@valet/shared";
import type { JsonObject, Sql } from "./sql.ts";

/** What changes of hosts and tasks have taken in an environment. */
export interface MeasuredDurations {
  changes: { order: HostOrder; ms: number }[];
  taskMs: number[];
}

const mostChanges = 500;
const mostTasks = 2000;

/** Newest first, of hosts that were changed (not installed for the first time) and of attempts that ended by themselves. */
export async function measuredDurations(
  sql: Sql,
  environment: Environment,
  service: Service,
): Promise<MeasuredDurations> {
  const { rows: changes } = await sql.query<{ order: HostOrder; ms: number }>(
    `SELECT h.host_order AS "order", greatest(0, (h.engine->'timings'->>'changeMs')::float8 - coalesce((d.knobs->>'minHealthyMs')::float8, 0)) AS ms
     FROM deploys d JOIN deploy_hosts h ON h.deploy_id = d.id
     WHERE d.environment = $1 AND d.service = $2 AND h.old_generation IS NOT NULL AND h.engine->'timings'->>'changeMs' IS NOT NULL
       AND d.created_at > now() - interval '90 days'
     ORDER BY h.ended_at DESC NULLS LAST LIMIT $3`,
    [environment, service, mostChanges],
  );
  const { rows: tasks } = await sql.query<{ ms: number }>(
    `SELECT (extract(epoch FROM a.ended_at - a.acknowledged_at) * 1000)::float8 AS ms
     FROM attempts a JOIN sandboxes s ON s.id = a.sandbox_id
     WHERE s.environment = $1 AND a.ended_at IS NOT NULL AND a.acknowledged_at IS NOT NULL
       AND a.outcome IN ('completed', 'failed', 'timed_out')
     ORDER BY a.ended_at DESC LIMIT $2`,
    [environment, mostTasks],
  );
  return { changes, taskMs: tasks.map((row) => row.ms) };
}

export interface OpenTaskRow {
  taskId: string;
  sandboxId: string;
  startedAt: number;
  timeoutMs: number | null;
}

/** Tasks that run in an environment now, with when they began and how long they may. */
export async function openTasks(sql: Sql, environment: Environment): Promise<OpenTaskRow[]> {
  const { rows } = await sql.query<OpenTaskRow>(
    `SELECT a.task_id AS "taskId", a.sandbox_id AS "sandboxId",
       (extract(epoch FROM coalesce(a.acknowledged_at, a.reserved_at)) * 1000)::float8 AS "startedAt",
       (t.spec->>'timeoutMs')::float8 AS "timeoutMs"
     FROM attempts a JOIN tasks t ON t.id = a.task_id JOIN sandboxes s ON s.id = a.sandbox_id
     WHERE a.ended_at IS NULL AND s.environment = $1`,
    [environment],
  );
  return rows;
}

/** What the control worker last heard of a sandbox's agent. `health` null: it did not answer; opaque here. */
export interface SandboxObservation {
  sandboxId: string;
  observedAt: Date;
  health: JsonObject | null;
  why: string;
}

export async function sandboxObservations(sql: Sql, sandboxIds: readonly string[]): Promise<SandboxObservation[]> {
  const { rows } = await sql.query<SandboxObservation>(
    `SELECT sandbox_id AS "sandboxId", observed_at AS "observedAt", health, why FROM sandbox_observations
     WHERE sandbox_id = ANY ($1::uuid[])`,
    [sandboxIds],
  );
  return rows;
}

/** All of one round in one statement. */
export async function noteObservations(sql: Sql, observations: readonly SandboxObservation[]): Promise<void> {
  if (observations.length === 0) return;
  await sql.query(
    `INSERT INTO sandbox_observations AS o (sandbox_id, observed_at, health, why)
     SELECT n.id, n.at, n.health, n.why FROM unnest($1::uuid[], $2::timestamptz[], $3::jsonb[], $4::text[]) AS n (id, at, health, why)
       JOIN sandboxes s ON s.id = n.id
     ON CONFLICT (sandbox_id) DO UPDATE SET observed_at = EXCLUDED.observed_at, why = EXCLUDED.why,
       health = EXCLUDED.health`,
    [
      observations.map((one) => one.sandboxId),
      observations.map((one) => one.observedAt),
      observations.map((one) => (one.health === null ? null : JSON.stringify(one.health))),
      observations.map((one) => one.why),
    ],
  );
}
