import { minCapacityPct } from "./capacity.ts";
import { loadDeploy } from "./deploys.ts";
import type { DeployRow } from "./deploy-row.ts";
import type { Sql } from "./sql.ts";

export interface DeployMeasures {
  /** From the start until no slot of these hosts took new work on another release; null while one still does. */
  newWorkOnNewVersionMs: number | null;
  /** From the start until the last task on another release had ended; null while one runs or may still begin. */
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
  const newWorkOnNewVersionMs = await newWorkMs(sql, deploy, sandboxIds);
  return {
    newWorkOnNewVersionMs,
    // Until then another task may still begin on the other release.
    lastOldTaskEndedMs: newWorkOnNewVersionMs === null ? null : await lastOldTaskMs(sql, deploy, sandboxIds),
    tasksLost: await tasksLost(sql, deploy, sandboxIds),
    minCapacityPct: await minCapacityPct(sql, { environment: deploy.environment, ...window, sandboxIds }),
  };
}

/**
 * Per host, the end of the last stretch in which a slot of another release was free to take work. Where tasks held the slots when
 * the host changed over, that end says nothing: a task that ended before then would have made room for more, so the moment at
 * which the host counted as updated is taken.
 */
async function newWorkMs(sql: Sql, deploy: DeployRow, sandboxIds: readonly string[]): Promise<number | null> {
  const { rows } = await sql.query<{ sandboxId: string; ms: number; isOpen: boolean; isHandedFree: boolean }>(
    `WITH stretch AS (
       SELECT c.sandbox_id, c.state, g.image_digest, c.at, lead(c.at) OVER slot AS until, lead(c.state) OVER slot AS next_state,
         lead(g.image_digest) OVER slot AS next_digest
       FROM slot_changes c LEFT JOIN generations g ON g.sandbox_id = c.sandbox_id AND g.number = c.generation
       WHERE c.sandbox_id = ANY ($1::uuid[]) WINDOW slot AS (PARTITION BY c.sandbox_id, c.index ORDER BY c.at, c.id))
     SELECT sandbox_id AS "sandboxId", (extract(epoch FROM max(until) - $3) * 1000)::float8 AS ms,
       bool_or(until IS NULL) AS "isOpen", bool_or(next_digest = $2 OR next_state = 'offline') AS "isHandedFree"
     FROM stretch WHERE state IN ('accepting', 'renewing') AND image_digest <> $2
       AND (until IS NULL OR until > $3) AND ($4::timestamptz IS NULL OR at < $4) GROUP BY sandbox_id`,
    [sandboxIds, deploy.imageDigest, deploy.startedAt, deploy.endedAt],
  );
  if (rows.some((row) => row.isOpen)) return null;
  const isDone = deploy.hosts.every(({ step }) => step === "updated" || step === "skipped");
  if (rows.length === 0 && deploy.previousDigest === null && isDone) return firstNewSlotMs(sql, deploy, sandboxIds);
  const ends = deploy.hosts.map((host) => {
    const freed = rows.find((row) => row.sandboxId === host.sandboxId);
    return host.step === "skipped" || freed?.isHandedFree ? (freed?.ms ?? 0) : updatedMs(host, deploy.startedAt);
  });
  return ends.some((ms) => ms === null) ? null : Math.max(0, ...ends.map(Number));
}

function updatedMs({ step, endedAt }: DeployRow["hosts"][number], startedAt: Date | null): number | null {
  return step === "updated" && endedAt !== null && startedAt !== null ? endedAt.getTime() - startedAt.getTime() : null;
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
