import { minCapacityPct } from "./capacity.ts";
import { loadDeploy } from "./deploys.ts";
import type { DeployRow } from "./deploy-row.ts";
import type { Sql } from "./sql.ts";

export interface DeployMeasures {
  /** From the start until no slot of these hosts took new work on another release; null while one still does. */
  newWorkOnNewVersionMs: number | null;
  /** From the start until the last task on another release had ended; null while one runs. */
  lastOldTaskEndedMs: number | null;
  tasksLost: number | null;
  minCapacityPct: number | null;
}

/** The two clocks and the two promises of a deploy, recomputed from attempts and slot_changes. All null before it starts. */
export async function deployMeasures(sql: Sql, deployId: string): Promise<DeployMeasures> {
  const deploy = await loadDeploy(sql, deployId);
  if (!deploy?.startedAt || deploy.imageDigest === null || deploy.hosts.length === 0) {
    return { newWorkOnNewVersionMs: null, lastOldTaskEndedMs: null, tasksLost: null, minCapacityPct: null };
  }
  const sandboxIds = deploy.hosts.map((host) => host.sandboxId);
  const window = { from: deploy.startedAt, to: deploy.endedAt ?? new Date() };
  return {
    newWorkOnNewVersionMs: await newWorkMs(sql, deploy, sandboxIds),
    lastOldTaskEndedMs: await lastOldTaskMs(sql, deploy, sandboxIds),
    tasksLost: await tasksLost(sql, deploy, sandboxIds),
    minCapacityPct: await minCapacityPct(sql, { environment: deploy.environment, ...window, sandboxIds }),
  };
}

/** The end of the last stretch in which a slot of another release was free to take work, or had just been given some. */
async function newWorkMs(sql: Sql, deploy: DeployRow, sandboxIds: readonly string[]): Promise<number | null> {
  const { rows } = await sql.query<{ ms: number | null; isOpen: boolean; hasNew: boolean }>(
    `WITH stretch AS (
       SELECT c.state, g.image_digest, c.at, lead(c.at) OVER (PARTITION BY c.sandbox_id, c.index ORDER BY c.at, c.id) AS until
       FROM slot_changes c LEFT JOIN generations g ON g.sandbox_id = c.sandbox_id AND g.number = c.generation
       WHERE c.sandbox_id = ANY ($1::uuid[])),
     old AS (
       SELECT * FROM stretch WHERE state IN ('accepting', 'renewing') AND image_digest <> $2
         AND (until IS NULL OR until > $3) AND ($4::timestamptz IS NULL OR at < $4))
     SELECT (extract(epoch FROM max(until) - $3) * 1000)::float8 AS ms, coalesce(bool_or(until IS NULL), false) AS "isOpen",
       EXISTS (SELECT 1 FROM stretch WHERE image_digest = $2 AND state <> 'offline') AS "hasNew"
     FROM old`,
    [sandboxIds, deploy.imageDigest, deploy.startedAt, deploy.endedAt],
  );
  const found = rows[0];
  if (!found || found.isOpen || !found.hasNew) return null;
  if (found.ms !== null) return Math.max(0, found.ms);
  return deploy.previousDigest === null ? firstNewSlotMs(sql, deploy, sandboxIds) : lastUpdatedMs(deploy);
}

/** Every slot was busy all the while: the old release could be given nothing from when the last host counted as updated. */
function lastUpdatedMs({ hosts, startedAt }: DeployRow): number | null {
  const taken = hosts.filter((host) => host.step !== "skipped");
  if (startedAt === null || taken.some((host) => host.step !== "updated" || host.endedAt === null)) return null;
  return Math.max(0, ...taken.map((host) => (host.endedAt?.getTime() ?? 0) - startedAt.getTime()));
}

/** A fleet that ran nothing before: until its last slot came up on the new release. */
async function firstNewSlotMs(sql: Sql, deploy: DeployRow, sandboxIds: readonly string[]): Promise<number> {
  const { rows } = await sql.query<{ ms: number | null }>(
    `SELECT (extract(epoch FROM max(first.at) - $3) * 1000)::float8 AS ms FROM (
       SELECT min(c.at) AS at FROM slot_changes c
         JOIN generations g ON g.sandbox_id = c.sandbox_id AND g.number = c.generation AND g.image_digest = $2
       WHERE c.sandbox_id = ANY ($1::uuid[]) AND c.state = 'accepting' GROUP BY c.sandbox_id, c.index) AS first`,
    [sandboxIds, deploy.imageDigest, deploy.startedAt],
  );
  return rows[0]?.ms ?? 0;
}

async function lastOldTaskMs(sql: Sql, deploy: DeployRow, sandboxIds: readonly string[]): Promise<number | null> {
  const { rows } = await sql.query<{ ms: number | null; isOpen: boolean }>(
    `SELECT (extract(epoch FROM max(a.ended_at) - $3) * 1000)::float8 AS ms, coalesce(bool_or(a.ended_at IS NULL), false) AS "isOpen"
     FROM attempts a JOIN generations g ON g.sandbox_id = a.sandbox_id AND g.number = a.generation
     WHERE a.sandbox_id = ANY ($1::uuid[]) AND g.image_digest <> $2 AND a.acknowledged_at IS NOT NULL
       AND (a.ended_at IS NULL OR a.ended_at > $3) AND ($4::timestamptz IS NULL OR a.reserved_at < $4)`,
    [sandboxIds, deploy.imageDigest, deploy.startedAt, deploy.endedAt],
  );
  if (!rows[0] || rows[0].isOpen) return null;
  return Math.max(0, rows[0].ms ?? 0);
}

/** Tasks that had an attempt broken off here while it ran, and ended without being done for it. */
async function tasksLost(sql: Sql, deploy: DeployRow, sandboxIds: readonly string[]): Promise<number> {
  const { rows } = await sql.query<{ lost: number }>(
    `SELECT count(DISTINCT t.id) AS lost FROM attempts a JOIN tasks t ON t.id = a.task_id
     WHERE a.sandbox_id = ANY ($1::uuid[]) AND a.outcome IN ('lost', 'interrupted')
       AND a.ended_at BETWEEN $2 AND coalesce($3, now()) AND t.state IN ('failed', 'timed_out', 'expired')`,
    [sandboxIds, deploy.startedAt, deploy.endedAt],
  );
  return rows[0]?.lost ?? 0;
}
