import type { Environment, RolloutKnobs, Service } from "@valet/shared";
import type { ReleaseRow } from "./releases.ts";
import { getRelease } from "./releases.ts";
import type { Sql, Tx } from "./sql.ts";

/** Replaces the knobs of a deploy that nobody has begun; false once it has left `awaiting_trigger`. */
export async function setKnobsBeforeStart(tx: Tx, deployId: string, knobs: RolloutKnobs): Promise<boolean> {
  const { rowCount } = await tx.query(
    "UPDATE deploys SET knobs = $2 WHERE id = $1 AND state = 'awaiting_trigger' AND request IS NULL",
    [deployId, JSON.stringify(knobs)],
  );
  return rowCount === 1;
}

/** The release that was built with this digest. */
export async function releaseByDigest(
  sql: Sql,
  service: Service,
  imageDigest: string,
): Promise<ReleaseRow | undefined> {
  const { rows } = await sql.query<{ id: string }>(
    "SELECT id FROM releases WHERE service = $1 AND image_digest = $2 ORDER BY created_at DESC LIMIT 1",
    [service, imageDigest],
  );
  return rows[0] && getRelease(sql, rows[0].id);
}

export interface LatestDeploy {
  id: string;
  state: string;
  imageTag: string;
  imageDigest: string | null;
}

/** The newest deploy of an environment and service that was begun at all. */
export async function latestBegunDeploy(
  sql: Sql,
  environment: Environment,
  service: Service,
): Promise<LatestDeploy | undefined> {
  const { rows } = await sql.query<LatestDeploy>(
    `SELECT id, state, image_tag AS "imageTag", image_digest AS "imageDigest" FROM deploys
     WHERE environment = $1 AND service = $2
       AND state IN ('in_progress', 'paused', 'baking', 'completed', 'failed', 'aborting', 'aborted', 'rolling_back',
         'rollback_paused', 'rolled_back') AND started_at IS NOT NULL
     ORDER BY started_at DESC LIMIT 1`,
    [environment, service],
  );
  return rows[0];
}

/** The release completed last; with `notDigest`, the last one that is another than that. */
export async function releaseToGoBackTo(
  sql: Sql,
  environment: Environment,
  service: Service,
  notDigest: string | null,
): Promise<ReleaseRow | undefined> {
  const { rows } = await sql.query<{ releaseId: string }>(
    `SELECT release_id AS "releaseId" FROM deploys
     WHERE environment = $1 AND service = $2 AND state = 'completed' AND image_digest IS NOT NULL
       AND ($3::text IS NULL OR image_digest <> $3)
     ORDER BY ended_at DESC LIMIT 1`,
    [environment, service, notDigest],
  );
  return rows[0] && getRelease(sql, rows[0].releaseId);
}

/** What a tag meant when a deploy of it completed here last; with `notDigest`, another than that where there is one. */
export async function completedReleaseOfTag(
  sql: Sql,
  tag: { environment: Environment; service: Service; imageTag: string; notDigest: string | null },
): Promise<ReleaseRow | undefined> {
  const { rows } = await sql.query<{ releaseId: string }>(
    `SELECT r.id AS "releaseId" FROM deploys d JOIN releases r ON r.id = d.release_id
     WHERE d.environment = $1 AND d.service = $2 AND d.state = 'completed' AND r.image_tag = $3 AND r.image_digest IS NOT NULL
     ORDER BY r.image_digest IS NOT DISTINCT FROM $4, d.ended_at DESC LIMIT 1`,
    [tag.environment, tag.service, tag.imageTag, tag.notDigest],
  );
  return rows[0] && getRelease(sql, rows[0].releaseId);
}

/** Ids of the newest deploys, newest first. */
export async function recentDeployIds(sql: Sql, limit: number): Promise<string[]> {
  const { rows } = await sql.query<{ id: string }>("SELECT id FROM deploys ORDER BY created_at DESC, id LIMIT $1", [
    limit,
  ]);
  return rows.map((row) => row.id);
}
