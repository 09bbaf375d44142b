import type { Environment, Service } from "@valet/shared";
import { activeDeployStates } from "@valet/shared";
import type { Sql, Tx } from "./sql.ts";

/** Ids of deploys the engine has work with: queued, active, carrying a wish, or approved by somebody; oldest first. */
export async function openDeployIds(sql: Sql): Promise<string[]> {
  const { rows } = await sql.query<{ id: string }>(
    `SELECT id FROM deploys d WHERE request IS NOT NULL OR state = 'queued' OR state = ANY ($1)
       OR (state = 'awaiting_approval' AND EXISTS (SELECT 1 FROM deploy_approvals a WHERE a.deploy_id = d.id))
     ORDER BY created_at, id LIMIT 1000`,
    [activeDeployStates],
  );
  return rows.map((row) => row.id);
}

export interface DeployNeighbours {
  activeDeployId: string | null;
  olderQueuedId: string | null;
  /** Limited ones are left out: a deploy to a few sandboxes does not take the place of one to all. */
  newerQueuedId: string | null;
  /** Sandboxes of the environment that any deploy of any service holds out of service. */
  deployCordoned: string[];
}

/** What stands beside a deploy in its environment: who is active, who waits, what is held. */
export async function deployNeighbours(
  sql: Sql,
  deploy: { id: string; environment: Environment; service: Service },
): Promise<DeployNeighbours> {
  const { rows } = await sql.query<DeployNeighbours>(
    `WITH self AS (SELECT created_at, id FROM deploys WHERE id = $1),
       beside AS (SELECT d.id, d.state, d.created_at, d.sandbox_ids FROM deploys d
         WHERE d.environment = $2 AND d.service = $3 AND d.id <> $1 AND (d.state = 'queued' OR d.state = ANY ($4)))
     SELECT
       (SELECT id FROM beside WHERE state <> 'queued' LIMIT 1) AS "activeDeployId",
       (SELECT b.id FROM beside b, self WHERE b.state = 'queued' AND (b.created_at, b.id) < (self.created_at, self.id)
         ORDER BY b.created_at, b.id LIMIT 1) AS "olderQueuedId",
       (SELECT b.id FROM beside b, self WHERE b.state = 'queued' AND (b.created_at, b.id) > (self.created_at, self.id)
           AND b.sandbox_ids IS NULL
         ORDER BY b.created_at DESC, b.id DESC LIMIT 1) AS "newerQueuedId",
       ARRAY(SELECT DISTINCT c.sandbox_id FROM cordons c JOIN sandboxes s ON s.id = c.sandbox_id
         WHERE c.holder_kind = 'deploy' AND s.environment = $2 ORDER BY 1) AS "deployCordoned"`,
    [deploy.id, deploy.environment, deploy.service, activeDeployStates],
  );
  if (!rows[0]) throw new Error("reading a deploy's neighbours returned no row");
  return rows[0];
}

/**
 * The digest that a deploy pinned its tag to: its release is from now on the one of that digest, known before or not. The row of
 * the unresolved tag goes when nobody else waits for it.
 */
export async function noteReleaseDigest(tx: Tx, deployId: string, imageDigest: string): Promise<void> {
  const { rows } = await tx.query<{ own: string; resolved: string }>(
    `WITH own AS (SELECT r.* FROM releases r JOIN deploys d ON d.release_id = r.id WHERE d.id = $1),
     resolved AS (
       INSERT INTO releases AS r (service, version, image, image_tag, image_digest, commit_sha, commit_message, repository)
       SELECT service, version, image, image_tag, $2, commit_sha, commit_message, repository FROM own
       ON CONFLICT (service, image_tag, coalesce(image_digest, '')) DO UPDATE SET
         commit_sha = coalesce(r.commit_sha, EXCLUDED.commit_sha),
         commit_message = coalesce(r.commit_message, EXCLUDED.commit_message),
         repository = coalesce(r.repository, EXCLUDED.repository)
       RETURNING id)
     SELECT own.id AS own, resolved.id AS resolved FROM own, resolved`,
    [deployId, imageDigest],
  );
  const found = rows[0];
  if (!found || found.own === found.resolved) return;
  await tx.query("UPDATE deploys SET release_id = $2 WHERE id = $1", [deployId, found.resolved]);
  await tx.query(
    `DELETE FROM releases r WHERE r.id = $1 AND r.image_digest IS NULL
       AND NOT EXISTS (SELECT 1 FROM deploys d WHERE d.release_id = r.id)`,
    [found.own],
  );
}

/** True when a deploy of this environment and service waits or is under way. */
export async function hasOpenDeploy(sql: Sql, environment: Environment, service: Service): Promise<boolean> {
  const { rows } = await sql.query<{ found: boolean }>(
    `SELECT EXISTS (SELECT 1 FROM deploys WHERE environment = $1 AND service = $2
       AND (state = 'queued' OR state = ANY ($3))) AS found`,
    [environment, service, activeDeployStates],
  );
  return rows[0]?.found ?? false;
}

/** Of these sandboxes, those that got a deploy with this trigger within the last `withinMs`. */
export async function recentlyDeployedTo(
  sql: Sql,
  sandboxIds: readonly string[],
  trigger: string,
  withinMs: number,
): Promise<string[]> {
  const { rows } = await sql.query<{ id: string }>(
    `SELECT DISTINCT s AS id FROM deploys d, unnest(d.sandbox_ids) AS s
     WHERE d.trigger = $2 AND s = ANY ($1::uuid[]) AND d.created_at > now() - $3 * interval '1 millisecond'`,
    [sandboxIds, trigger, withinMs],
  );
  return rows.map((row) => row.id);
}

/** Lets one transaction at a time through for this key, without waiting; false when another holds it. */
export async function tryTransactionLock(tx: Tx, key: string): Promise<boolean> {
  const { rows } = await tx.query<{ locked: boolean }>(
    "SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0)) AS locked",
    [key],
  );
  return rows[0]?.locked ?? false;
}

/**
 * Sandboxes of the environment that any deploy holds out of service. Until the transaction ends nobody else who asks this way gets
 * an answer, so that two deploys never take one each on the strength of the same count.
 */
export async function lockDeployCordons(tx: Tx, environment: Environment): Promise<string[]> {
  await tx.query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", [`deploy cordons ${environment}`]);
  const { rows } = await tx.query<{ id: string }>(
    `SELECT DISTINCT c.sandbox_id AS id FROM cordons c JOIN sandboxes s ON s.id = c.sandbox_id
     WHERE c.holder_kind = 'deploy' AND s.environment = $1`,
    [environment],
  );
  return rows.map((row) => row.id);
}

export interface ApprovalFacts {
  requiredApprovals: number;
  approvals: { actor: string; at: number }[];
}

/** How many people must approve a deploy, and who has; whoever triggered it does not count. */
export async function approvalFacts(sql: Sql, deployId: string): Promise<ApprovalFacts> {
  const { rows } = await sql.query<ApprovalFacts>(
    `SELECT d.required_approvals AS "requiredApprovals",
       coalesce((SELECT jsonb_agg(jsonb_build_object('actor', a.actor, 'at', floor(extract(epoch FROM a.at) * 1000))
           ORDER BY a.at, a.actor)
         FROM deploy_approvals a WHERE a.deploy_id = d.id AND a.actor IS DISTINCT FROM d.asked_by), '[]') AS approvals
     FROM deploys d WHERE d.id = $1`,
    [deployId],
  );
  return rows[0] ?? { requiredApprovals: 0, approvals: [] };
}
