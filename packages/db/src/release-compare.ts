import type { DeployState, Environment, Service } from "@valet/shared";
import { deployMeasures, type DeployMeasures } from "./deploy-measures.ts";
import type { ReleaseRow } from "./releases.ts";
import type { Sql } from "./sql.ts";

export interface ReleaseRecord {
  deploys: ({ id: string; environment: Environment; state: DeployState; startedAt: Date | null } & DeployMeasures)[];
  rollbacks: number;
  tasks: number;
  tasksFailed: number;
  p50Ms: number | null;
  p90Ms: number | null;
}

/** How many of its deploys are measured, newest first. */
const mostDeploys = 20;

/** What became of one release: its deploys with their clocks, and the attempts that ran on it by the digest their generation reported. */
export async function releaseRecord(sql: Sql, release: ReleaseRow): Promise<ReleaseRecord> {
  const { rows: deploys } = await sql.query<{
    id: string;
    environment: Environment;
    state: DeployState;
    startedAt: Date | null;
  }>(
    `SELECT id, environment, state, started_at AS "startedAt" FROM deploys
     WHERE service = $1 AND (release_id = $2 OR ($3::text IS NOT NULL AND image_digest = $3))
     ORDER BY created_at DESC LIMIT $4`,
    [release.service, release.id, release.imageDigest, mostDeploys],
  );
  const { rows } = await sql.query<Pick<ReleaseRecord, "tasks" | "tasksFailed" | "p50Ms" | "p90Ms">>(
    `SELECT count(*) AS tasks, count(*) FILTER (WHERE a.outcome <> 'completed') AS "tasksFailed",
       percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM a.ended_at - a.acknowledged_at) * 1000)
         FILTER (WHERE a.outcome = 'completed') AS "p50Ms",
       percentile_cont(0.9) WITHIN GROUP (ORDER BY extract(epoch FROM a.ended_at - a.acknowledged_at) * 1000)
         FILTER (WHERE a.outcome = 'completed') AS "p90Ms"
     FROM attempts a JOIN generations g ON g.sandbox_id = a.sandbox_id AND g.number = a.generation
     WHERE g.image_digest = $1 AND a.acknowledged_at IS NOT NULL AND a.ended_at IS NOT NULL
       AND a.outcome IN ('completed', 'failed', 'timed_out', 'lost', 'interrupted')`,
    [release.imageDigest],
  );
  const measured: ReleaseRecord["deploys"] = [];
  for (const deploy of deploys) measured.push({ ...deploy, ...(await deployMeasures(sql, deploy.id)) });
  const back: readonly DeployState[] = ["rolling_back", "rolled_back", "rollback_paused"];
  return {
    deploys: measured,
    rollbacks: deploys.filter((deploy) => back.includes(deploy.state)).length,
    ...(rows[0] ?? { tasks: 0, tasksFailed: 0, p50Ms: null, p90Ms: null }),
  };
}

/** By id, digest or tag; of several with that tag the newest. */
export async function findRelease(sql: Sql, service: Service, what: string): Promise<{ id: string } | undefined> {
  const { rows } = await sql.query<{ id: string }>(
    `SELECT id FROM releases WHERE service = $1 AND (id::text = $2 OR image_digest = $2 OR image_tag = $2)
     ORDER BY id::text = $2 DESC, image_digest IS NOT NULL DESC, created_at DESC LIMIT 1`,
    [service, what],
  );
  return rows[0];
}
