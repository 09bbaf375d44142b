import { freshMs } from "@valet/shared";
import type { Environment, LeaseTimes, TaskState } from "@valet/shared";
import type { Sql } from "../sql.ts";

export type WhyCode =
  | "not_waiting"
  | "ahead_in_queue"
  | "no_free_slot"
  | "no_matching_sandbox"
  | "all_cordoned"
  | "all_unreachable"
  | "no_allowed_release"
  | "no_sandboxes";
export interface Why {
  state: TaskState;
  code: WhyCode;
  message: string;
  /** 1 is next; null when not waiting. */
  position: number | null;
  /** Until it starts, by the average length of recent tasks; null when nothing can be said. */
  etaMs: number | null;
}
interface Waiting {
  id: string;
  state: TaskState;
  environment: Environment;
  tenantId: string;
  key: string;
}
/** How far sandboxes get through the conditions, one count a condition. */
export interface Funnel {
  all: number;
  matching: number;
  uncordoned: number;
  reachable: number;
  allowed: number;
  slots: number;
  free: number;
}

/** What a waiting task waits for. Undefined when there is no such task. */
export async function whyTask(sql: Sql, taskId: string, times: LeaseTimes): Promise<Why | undefined> {
  const { rows } = await sql.query<Waiting>(
    `SELECT id, state, environment, tenant_id AS "tenantId", placement_key AS key FROM tasks WHERE id = $1`,
    [taskId],
  );
  const task = rows[0];
  if (!task) return undefined;
  if (task.state !== "queued") {
    return { state: task.state, code: "not_waiting", message: `it is ${task.state}`, position: null, etaMs: null };
  }
  const funnel = await readFunnel(sql, taskId, times);
  const position = await positionOf(sql, task);
  const { code, message } = explain(funnel, position);
  const hasSlots = funnel.slots > 0 && funnel.allowed > 0;
  const etaMs = hasSlots ? await estimate(sql, task.environment, position, funnel) : null;
  return { state: task.state, code, message, position, etaMs };
}

/** The first condition that no sandbox passes is the answer. */
export function explain(funnel: Funnel, position: number): { code: WhyCode; message: string } {
  if (funnel.all === 0) return { code: "no_sandboxes", message: "there is no sandbox in this environment" };
  if (funnel.matching === 0) {
    return { code: "no_matching_sandbox", message: "no sandbox has the labels or the id its placement asks for" };
  }
  if (funnel.uncordoned === 0) {
    const message = `each of the ${funnel.matching} sandboxes it fits is cordoned, quarantined or out of service`;
    return { code: "all_cordoned", message };
  }
  if (funnel.reachable === 0) {
    return {
      code: "all_unreachable",
      message: `none of the ${funnel.uncordoned} sandboxes it could use can be reached`,
    };
  }
  if (funnel.allowed === 0) {
    return { code: "no_allowed_release", message: "no sandbox it could use runs a release that may take work there" };
  }
  if (funnel.free === 0) {
    return {
      code: "no_free_slot",
      message: `all ${funnel.slots} slots it could use are busy; it is number ${position} in the queue`,
    };
  }
  return {
    code: "ahead_in_queue",
    message: `it is number ${position} in the queue, and ${funnel.free} slots are free`,
  };
}

async function readFunnel(sql: Sql, taskId: string, times: LeaseTimes): Promise<Funnel> {
  const { rows } = await sql.query<Funnel>(
    `WITH host AS (
       SELECT s.id,
         s.labels @> t.placement_labels AND (t.placement_sandbox_id IS NULL OR t.placement_sandbox_id = s.id) AS matching,
         s.state IN ('active', 'deploying') AND (s.quarantined_until IS NULL OR s.quarantined_until < now())
           AND NOT EXISTS (SELECT 1 FROM cordons c WHERE c.sandbox_id = s.id) AS uncordoned,
         s.reachable AND EXISTS (SELECT 1 FROM sessions n WHERE n.sandbox_id = s.id AND n.closed_at IS NULL
           AND n.last_heartbeat_at > now() - $2 * interval '1 millisecond') AS reachable,
         (SELECT count(*) FROM slots l WHERE l.sandbox_id = s.id) AS slots,
         (SELECT count(*) FROM slots l WHERE l.sandbox_id = s.id AND l.state = 'accepting') AS free,
         EXISTS (SELECT 1 FROM slots l JOIN generations g ON g.sandbox_id = l.sandbox_id AND g.number = l.generation
           JOIN allowed_releases r ON r.environment = s.environment AND r.service = 'ghosthands' AND r.image_digest = g.image_digest
           WHERE l.sandbox_id = s.id) AS allowed
       FROM tasks t JOIN sandboxes s ON s.environment = t.environment AND s.state NOT IN ('terminating', 'terminated')
       WHERE t.id = $1)
     SELECT count(*) AS all, count(*) FILTER (WHERE matching) AS matching,
       count(*) FILTER (WHERE matching AND uncordoned) AS uncordoned,
       count(*) FILTER (WHERE matching AND uncordoned AND reachable) AS reachable,
       count(*) FILTER (WHERE matching AND uncordoned AND reachable AND allowed) AS allowed,
       coalesce(sum(slots) FILTER (WHERE matching AND uncordoned AND reachable AND allowed), 0)::bigint AS slots,
       coalesce(sum(free) FILTER (WHERE matching AND uncordoned AND reachable AND allowed), 0)::bigint AS free
     FROM host`,
    [taskId, freshMs(times)],
  );
  if (!rows[0]) throw new Error("counting sandboxes returned no row");
  return rows[0];
}

/**
 * Its place among the tasks that want the same places, in turn by tenant: each other tenant is served once per round before it,
 * and once more in its own round when that tenant's turn is nearer. Counts at most a thousand a tenant.
 */
async function positionOf(sql: Sql, task: Waiting): Promise<number> {
  const { rows } = await sql.query<{ position: number }>(
    `WITH RECURSIVE waiting AS (
       (SELECT tenant_id AS tenant FROM tasks WHERE queue_key IS NOT NULL AND environment = $1 AND placement_key = $2
        ORDER BY tenant_id LIMIT 1)
       UNION ALL
       SELECT (SELECT t.tenant_id FROM tasks t WHERE t.queue_key IS NOT NULL AND t.environment = $1 AND t.placement_key = $2
         AND t.tenant_id > waiting.tenant ORDER BY t.tenant_id LIMIT 1) FROM waiting WHERE tenant IS NOT NULL),
     own AS (
       SELECT count(*) + 1 AS round FROM (SELECT 1 FROM tasks t WHERE t.queue_key IS NOT NULL AND t.environment = $1
         AND t.placement_key = $2 AND t.tenant_id = $3
         AND (t.queue_key, t.id) < (SELECT self.queue_key, self.id FROM tasks self WHERE self.id = $4) LIMIT 1000) AS before),
     mine AS (SELECT last_served FROM tenants WHERE id = $3)
     SELECT own.round + coalesce(sum(least(queued.count,
         own.round - 1 + ((n.last_served, n.id) < (mine.last_served, $3))::int)), 0)::bigint AS position
     FROM own CROSS JOIN mine
       LEFT JOIN waiting w ON w.tenant <> $3
       LEFT JOIN tenants n ON n.id = w.tenant
       LEFT JOIN LATERAL (SELECT count(*) AS count FROM (SELECT 1 FROM tasks t WHERE t.queue_key IS NOT NULL
         AND t.environment = $1 AND t.placement_key = $2 AND t.tenant_id = w.tenant LIMIT 1000) AS counted) AS queued ON true
     GROUP BY own.round`,
    [task.environment, task.key, task.tenantId, task.id],
  );
  return rows[0]?.position ?? 1;
}

async function estimate(sql: Sql, environment: Environment, position: number, funnel: Funnel): Promise<number | null> {
  if (position <= funnel.free) return 0;
  const { rows } = await sql.query<{ averageMs: number | null }>(
    `SELECT (avg(extract(epoch FROM ended_at - started_at)) * 1000)::float8 AS "averageMs" FROM (
       SELECT started_at, ended_at FROM tasks WHERE environment = $1 AND state = 'completed' AND started_at IS NOT NULL
       ORDER BY created_at DESC LIMIT 200) AS recent`,
    [environment],
  );
  const averageMs = rows[0]?.averageMs;
  if (averageMs === null || averageMs === undefined) return null;
  return Math.ceil(Math.ceil((position - funnel.free) / funnel.slots) * averageMs);
}
