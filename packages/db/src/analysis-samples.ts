import type { Environment, Service } from "@valet/shared";
import type { Sql } from "./sql.ts";

export interface AnalysisSamplesQuery {
  environment: Environment;
  service: Service;
  canaryDigest: string;
  /** The release before; null on a first deploy. */
  controlDigest: string | null;
  since: Date;
  /** The first so many attempts of each arm. */
  limit?: number;
}

/** What the canary analysis compares; the engine's AnalysisArms, in its own words. */
export interface AnalysisSamples {
  canary: AnalysisSampleArm;
  control: AnalysisSampleArm | { absent: "no_previous_release" | "same_release" | "no_host_left" };
}
export interface AnalysisSampleArm {
  attempts: { outcome: "good" | "bad" | "running"; startedAt: number; durationMs: number }[];
  points: Record<string, number[]>;
}

/** Most attempts read for each arm. */
const defaultLimit = 5_000;

/** Ends that say nothing about the release: the GH worker declined before it began, or another attempt took over. */
const endsByOthers = ["worker_draining", "no_such_slot", "taken_over"];

/**
 * Attempts that started since then, by the digest their generation reports. Good: completed. Bad: failed, timed out,
 * interrupted, lost; a page that fails its own assert does so in both arms. Left out: what a client cancelled, what was
 * never acknowledged, and control attempts on a generation that our own deploy is ending or has ended. Each task counts by
 * its first attempt: a retry fails more often, and goes to another sandbox, so one arm's failures would burden the other.
 */
export async function analysisSamples(
  sql: Sql,
  query: AnalysisSamplesQuery,
): Promise<AnalysisSamples | { error: string }> {
  const { service, canaryDigest, controlDigest } = query;
  if (service !== "ghosthands") return { error: `tasks do not tell which ${service} they ran on` };
  const rows = await readRows(sql, query);
  const armOf = (isCanary: boolean): AnalysisSampleArm => ({
    attempts: rows.filter((row) => row.isCanary === isCanary).map(({ isCanary: _, ...attempt }) => attempt),
    points: {},
  });
  const canary = armOf(true);
  if (controlDigest === null) return { canary, control: { absent: "no_previous_release" } };
  if (controlDigest === canaryDigest) return { canary, control: { absent: "same_release" } };
  const control = armOf(false);
  const isThere = control.attempts.length > 0 || (await isServedAnywhere(sql, query.environment, controlDigest));
  return { canary, control: isThere ? control : { absent: "no_host_left" } };
}

interface Row {
  isCanary: boolean;
  outcome: "good" | "bad" | "running";
  startedAt: number;
  durationMs: number;
}

/** Two reads for two indexes: those that ended since, and those that still run. */
async function readRows(sql: Sql, query: AnalysisSamplesQuery): Promise<Row[]> {
  const { rows } = await sql.query<Row>(
    `WITH started AS (
       SELECT * FROM attempts WHERE ended_at >= $4 AND acknowledged_at >= $4 AND number = 1
         AND outcome IN ('completed', 'failed', 'timed_out', 'interrupted', 'lost')
       UNION ALL
       SELECT * FROM attempts WHERE ended_at IS NULL AND acknowledged_at >= $4 AND number = 1),
     seen AS (
       SELECT g.image_digest = $2 AS is_canary, a.*,
         row_number() OVER (PARTITION BY g.image_digest ORDER BY a.acknowledged_at, a.task_id, a.fence) AS place
       FROM started a
       JOIN sandboxes s ON s.id = a.sandbox_id AND s.environment = $1
       JOIN generations g ON g.sandbox_id = a.sandbox_id AND g.number = a.generation AND g.image_digest IN ($2, $3)
       JOIN tasks t ON t.id = a.task_id
       WHERE NOT (t.cancel_requested AND t.fence = a.fence)
         AND NOT (g.image_digest <> $2 AND g.state IN ('draining', 'warm', 'ended') AND EXISTS (
           SELECT 1 FROM generations n WHERE n.sandbox_id = a.sandbox_id AND n.number > a.generation AND n.image_digest = $2))
         AND NOT (a.outcome = 'interrupted' AND EXISTS (
           SELECT 1 FROM task_events e WHERE e.task_id = a.task_id AND e.fence = a.fence AND e.type = 'finished'
             AND e.data -> 'error' ->> 'code' = ANY ($6))))
     SELECT is_canary AS "isCanary",
       CASE WHEN ended_at IS NULL THEN 'running' WHEN outcome = 'completed' THEN 'good' ELSE 'bad' END AS outcome,
       (extract(epoch FROM acknowledged_at) * 1000)::float8 AS "startedAt",
       greatest(0, extract(epoch FROM coalesce(ended_at, now()) - acknowledged_at) * 1000)::float8 AS "durationMs"
     FROM seen WHERE place <= $5 ORDER BY acknowledged_at, task_id, fence`,
    [
      query.environment,
      query.canaryDigest,
      query.controlDigest,
      query.since,
      query.limit ?? defaultLimit,
      endsByOthers,
    ],
  );
  return rows;
}

async function isServedAnywhere(sql: Sql, environment: Environment, digest: string): Promise<boolean> {
  const { rows } = await sql.query<{ isThere: boolean }>(
    `SELECT EXISTS (SELECT 1 FROM generations g JOIN sandboxes s ON s.id = g.sandbox_id
       WHERE s.environment = $1 AND g.image_digest = $2 AND g.state IN ('starting', 'serving')
         AND s.state NOT IN ('stopped', 'terminating', 'terminated')) AS "isThere"`,
    [environment, digest],
  );
  return rows[0]?.isThere ?? false;
}
