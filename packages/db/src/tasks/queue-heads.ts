import type { Environment, QueueClass, QueueHead } from "@valet/shared";
import type { Sql } from "../sql.ts";

/**
 * The classes that are queued at all, at most `limit`: one step of the index each, however many tasks there are.
 */
export async function queuedClasses(sql: Sql, limit: number, environment?: Environment): Promise<QueueClass[]> {
  const { rows } = await sql.query<QueueClass>(
    `WITH RECURSIVE class AS (
       (SELECT environment, placement_key, placement_labels, placement_sandbox_id FROM tasks
        WHERE queue_key IS NOT NULL AND environment >= coalesce($2, '') ORDER BY environment, placement_key LIMIT 1)
       UNION ALL
       SELECT next.* FROM class, LATERAL (
         SELECT environment, placement_key, placement_labels, placement_sandbox_id FROM tasks
         WHERE queue_key IS NOT NULL AND (environment, placement_key) > (class.environment, class.placement_key)
         ORDER BY environment, placement_key LIMIT 1) AS next
       WHERE $2::text IS NULL OR class.environment = $2)
     SELECT environment, placement_key AS key, placement_labels AS labels, placement_sandbox_id AS "sandboxId"
     FROM class WHERE $2::text IS NULL OR environment = $2 LIMIT $1`,
    [limit, environment ?? null],
  );
  return rows;
}

/**
 * The next tasks of the given classes: tenants served longest ago first, and of each its oldest. About `limit` a class, spread
 * evenly over the tenants that wait in it.
 */
export async function queueHeads(
  sql: Sql,
  classes: readonly { environment: Environment; key: string }[],
  limit: number,
): Promise<QueueHead[]> {
  const { rows } = await sql.query<QueueHead>(
    `WITH RECURSIVE class AS (SELECT * FROM unnest($1::text[], $2::text[]) AS c (environment, key)),
     waiting AS (
       SELECT environment, key, (SELECT t.tenant_id FROM tasks t
         WHERE t.queue_key IS NOT NULL AND t.environment = class.environment AND t.placement_key = class.key
         ORDER BY t.tenant_id LIMIT 1) AS tenant FROM class
       UNION ALL
       SELECT environment, key, (SELECT t.tenant_id FROM tasks t
         WHERE t.queue_key IS NOT NULL AND t.environment = waiting.environment AND t.placement_key = waiting.key
           AND t.tenant_id > waiting.tenant ORDER BY t.tenant_id LIMIT 1) FROM waiting WHERE tenant IS NOT NULL),
     turn AS (
       SELECT w.environment, w.key, w.tenant, n.last_served,
         row_number() OVER (PARTITION BY w.environment, w.key ORDER BY n.last_served, w.tenant) AS place
       FROM waiting w JOIN tenants n ON n.id = w.tenant)
     SELECT head.id AS "taskId", turn.tenant AS "tenantId", turn.environment, turn.key, head.fence,
       head.avoid_sandbox_ids AS avoid, (extract(epoch FROM head.queue_key) * 1000000)::bigint AS "queueKey", turn.last_served AS "lastServed"
     FROM turn, LATERAL (
       SELECT t.id, t.fence, t.avoid_sandbox_ids, t.queue_key FROM tasks t
       WHERE t.queue_key IS NOT NULL AND t.environment = turn.environment AND t.placement_key = turn.key
         AND t.tenant_id = turn.tenant
       ORDER BY t.queue_key, t.id LIMIT greatest(1, ceil($3::numeric / greatest(1, (SELECT count(*) FROM turn)))::int)) AS head
     WHERE turn.place <= $3`,
    [classes.map((one) => one.environment), classes.map((one) => one.key), limit],
  );
  return rows;
}
