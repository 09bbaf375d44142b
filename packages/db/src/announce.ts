import { tellLive } from "./notify.ts";
import type { Sql } from "./sql.ts";

/** Tells the dashboards that these sandboxes changed: `sandbox_update` with the state they are in now. */
export async function announceSandboxes(sql: Sql, sandboxIds: readonly string[]): Promise<void> {
  if (sandboxIds.length === 0) return;
  await sql.query(
    `WITH stored AS (
       INSERT INTO live_events (type, audience, payload)
       SELECT 'sandbox_update', 'admin', jsonb_build_object('sandboxId', id, 'status', state)
       FROM sandboxes WHERE id = ANY($1::uuid[]) RETURNING id)
     ${tellLive("stored")}`,
    [sandboxIds],
  );
}

/** Tells dashboards and the tasks' own tenants that these tasks changed: `task_update` with the state they are in now. */
export async function announceTasks(sql: Sql, taskIds: readonly string[]): Promise<void> {
  if (taskIds.length === 0) return;
  await sql.query(
    `WITH stored AS (
       INSERT INTO live_events (type, audience, payload)
       SELECT 'task_update', tenant_id, jsonb_build_object('taskId', id, 'status', state, 'sandboxId', sandbox_id)
       FROM tasks WHERE id = ANY($1::uuid[]) RETURNING id)
     ${tellLive("stored")}`,
    [taskIds],
  );
}
