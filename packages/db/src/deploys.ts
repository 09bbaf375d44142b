import { err, ok } from "@valet/shared";
import type { DeployState, Environment, Result, RolloutKnobs, Service } from "@valet/shared";
import { appendLiveEvents } from "./live-events.ts";
import type { DecisionRow, DeployRequest, DeployRow, DeploySummaryRow } from "./deploy-row.ts";
import { notify } from "./notify.ts";
import { orderBy } from "./order-by.ts";
import { getRelease } from "./releases.ts";
import type { JsonObject, Page, PageQuery, Sql, Tx } from "./sql.ts";

export interface NewDeploy {
  environment: Environment;
  service: Service;
  releaseId: string;
  imageTag: string;
  imageDigest?: string | null;
  /** The last completed release of this environment and service is filled in when absent. */
  previousTag?: string | null;
  previousDigest?: string | null;
  /** `awaiting_trigger` tells admins (`deploy_ready`); `queued` is taken up by the engine. */
  state: "awaiting_trigger" | "awaiting_approval" | "queued";
  stateReason: string;
  knobs: RolloutKnobs;
  trigger: string;
  createdBy: string;
  sandboxIds?: string[] | null;
  /** A wish to begin with. */
  request?: DeployRequest | null;
  engine?: JsonObject;
  /** How its canary is judged; null or absent: it is not. */
  analysis?: JsonObject | null;
  /** Version of the environment's configuration that the knobs come from. */
  configVersion?: number | null;
  requiredApprovals?: number;
  ignoreFreeze?: boolean;
}
export interface UnknownDeploy {
  kind: "unknown_deploy";
  message: string;
}
export interface DeployRevisionMoved {
  kind: "revision_moved";
  found: number;
  message: string;
}
export interface RequestRefused {
  kind: "request_pending" | "wrong_state";
  state: DeployState;
  message: string;
}

const hostJson = `jsonb_build_object('sandboxId', h.sandbox_id, 'sandboxName', s.name, 'position', h.position, 'step', h.step,
  'order', h.host_order, 'reason', h.reason, 'epoch', h.epoch, 'oldGeneration', h.old_generation,
  'newGeneration', h.new_generation, 'reportedDigest', h.reported_digest, 'engine', h.engine,
  'startedAt', h.started_at, 'endedAt', h.ended_at)`;
const own = `d.id, d.environment, d.service, d.release_id AS "releaseId", d.image_tag AS "imageTag",
  d.image_digest AS "imageDigest", d.previous_tag AS "previousTag", d.previous_digest AS "previousDigest", d.state,
  d.state_reason AS "stateReason", d.revision, d.knobs, d.waiting_on AS "waitingOn", d.request, d.trigger,
  d.created_by AS "createdBy", d.sandbox_ids AS "sandboxIds", d.created_at AS "createdAt", d.started_at AS "startedAt",
  d.ended_at AS "endedAt", d.analysis, d.config_version AS "configVersion", d.required_approvals AS "requiredApprovals",
  d.ignore_freeze AS "ignoreFreeze", d.asked_by AS "askedBy"`;
const select = `SELECT ${own}, d.engine,
  coalesce((SELECT jsonb_agg(${hostJson} ORDER BY h.position, h.sandbox_id) FROM deploy_hosts h
    JOIN sandboxes s ON s.id = h.sandbox_id WHERE h.deploy_id = d.id), '[]') AS hosts
  FROM deploys d`;

function deployOf(raw: DeployRow): DeployRow {
  const date = (value: Date | string | null): Date | null => (value === null ? null : new Date(value));
  const hosts = raw.hosts.map((host) => ({ ...host, startedAt: date(host.startedAt), endedAt: date(host.endedAt) }));
  return { ...raw, hosts };
}

/** Creates it without hosts: the engine plans those. Wakes the engine, or tells admins that it waits for them. */
export async function createDeploy(tx: Tx, input: NewDeploy): Promise<DeployRow> {
  const previous = await previousOf(tx, input);
  const { rows } = await tx.query<{ id: string }>(
    `INSERT INTO deploys (environment, service, release_id, image_tag, image_digest, previous_tag, previous_digest, state, state_reason,
       knobs, request, engine, trigger, created_by, sandbox_ids, analysis, config_version, required_approvals, ignore_freeze)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19) RETURNING id`,
    [
      input.environment,
      input.service,
      input.releaseId,
      input.imageTag,
      input.imageDigest ?? null,
      previous.tag,
      previous.digest,
      input.state,
      input.stateReason,
      JSON.stringify(input.knobs),
      input.request ? JSON.stringify(input.request) : null,
      JSON.stringify(input.engine ?? {}),
      input.trigger,
      input.createdBy,
      input.sandboxIds ?? null,
      input.analysis ? JSON.stringify(input.analysis) : null,
      input.configVersion ?? null,
      input.requiredApprovals ?? 0,
      input.ignoreFreeze ?? false,
    ],
  );
  const deploy = rows[0] && (await loadDeploy(tx, rows[0].id));
  if (!deploy) throw new Error("creating a deploy returned no row");
  await announceNew(tx, deploy);
  await notify(tx, "deploy", [deploy.id]);
  return deploy;
}

async function previousOf(tx: Tx, input: NewDeploy): Promise<{ tag: string | null; digest: string | null }> {
  if (input.previousTag !== undefined || input.previousDigest !== undefined) {
    return { tag: input.previousTag ?? null, digest: input.previousDigest ?? null };
  }
  const last = await lastCompleted(tx, input.environment, input.service);
  return { tag: last?.imageTag ?? null, digest: last?.imageDigest ?? null };
}

async function announceNew(tx: Tx, deploy: DeployRow): Promise<void> {
  if (deploy.state !== "awaiting_trigger") return announceDeploy(tx, deploy.id);
  const release = await getRelease(tx, deploy.releaseId);
  const payload = {
    deployId: deploy.id,
    imageTag: deploy.imageTag,
    environment: deploy.environment,
    commitMessage: release?.commitMessage ?? "",
    commitSha: release?.commitSha ?? "",
  };
  await appendLiveEvents(tx, [{ type: "deploy_ready", audience: "admin", payload }]);
}

/** A dashboard shows no more hosts of a deploy at once, and a client that wants them all asks for the deploy. */
const mostHostsTold = 200;

/** `deploy_update` with the state it is in now, and each host's; of a large fleet those under way first, and how many in all. */
export async function announceDeploy(sql: Sql, deployId: string): Promise<void> {
  await sql.query(
    `WITH told AS (
       SELECT h.sandbox_id, h.step, h.reason, h.position FROM deploy_hosts h WHERE h.deploy_id = $1
       ORDER BY h.step IN ('pending', 'updated', 'skipped', 'rolled_back'), h.position LIMIT $2),
     stored AS (
       INSERT INTO live_events (type, audience, payload)
       SELECT 'deploy_update', 'admin', jsonb_build_object('deployId', d.id, 'status', d.state,
         'sandboxesTotal', (SELECT count(*) FROM deploy_hosts h WHERE h.deploy_id = d.id), 'sandboxes',
         coalesce((SELECT jsonb_agg(jsonb_build_object('sandboxId', h.sandbox_id, 'sandboxName', s.name, 'status', h.step,
             'activeTaskCount', (SELECT count(*) FROM slots l WHERE l.sandbox_id = s.id AND l.task_id IS NOT NULL),
             'message', h.reason) ORDER BY h.position)
           FROM told h JOIN sandboxes s ON s.id = h.sandbox_id), '[]'))
       FROM deploys d WHERE d.id = $1 RETURNING id)
     SELECT pg_notify('valet_live', id::text) FROM stored`,
    [deployId, mostHostsTold],
  );
}

export async function loadDeploy(sql: Sql, id: string): Promise<DeployRow | undefined> {
  const { rows } = await sql.query<DeployRow>(`${select} WHERE d.id = $1`, [id]);
  return rows[0] && deployOf(rows[0]);
}

/** A deploy without its hosts, which may be ten thousand. */
export async function loadDeployHead(sql: Sql, id: string): Promise<DeployRow | undefined> {
  const { rows } = await sql.query<DeployRow>(
    `SELECT ${own}, d.engine, '[]'::jsonb AS hosts FROM deploys d WHERE d.id = $1`,
    [id],
  );
  return rows[0];
}

/** Deploys the engine has work with: queued, active, or carrying a request; oldest first. */
export async function listActiveDeploys(sql: Sql): Promise<DeployRow[]> {
  const { rows } = await sql.query<DeployRow>(
    `${select} WHERE d.request IS NOT NULL OR d.state IN ('queued', 'in_progress', 'paused', 'baking', 'aborting', 'rolling_back',
       'rollback_paused') ORDER BY d.created_at, d.id LIMIT 1000`,
  );
  return rows.map(deployOf);
}

/** Wishes that take the place of one the engine has not taken up yet. */
const overriding: readonly string[] = ["abort", "rollback"];

/** Leaves a wish for the engine, once: of two at the same time one wins (F18). `abort` and `rollback` replace a pending wish. */
export async function setDeployRequest(
  tx: Tx,
  id: string,
  request: DeployRequest,
  options: { from: readonly DeployState[]; expectedRevision?: number },
): Promise<Result<DeployRow, UnknownDeploy | DeployRevisionMoved | RequestRefused>> {
  const { rows } = await tx.query<{ state: DeployState; revision: number; request: DeployRequest | null }>(
    "SELECT state, revision, request FROM deploys WHERE id = $1 FOR UPDATE",
    [id],
  );
  const found = rows[0];
  if (!found) return err({ kind: "unknown_deploy", message: `there is no deploy ${id}` });
  const { state, revision, request: pending } = found;
  if (options.expectedRevision !== undefined && options.expectedRevision !== revision) {
    return err({ kind: "revision_moved", found: revision, message: `the deploy is at revision ${revision} now` });
  }
  if (!options.from.includes(state)) {
    return err({ kind: "wrong_state", state, message: `${request.verb} is not possible while the deploy is ${state}` });
  }
  if (pending && (pending.verb === request.verb || !overriding.includes(request.verb))) {
    const message = `${pending.verb} was asked for by ${pending.actor} and is about to be taken up`;
    return err({ kind: "request_pending", state, message });
  }
  await tx.query("UPDATE deploys SET request = $2, revision = revision + 1 WHERE id = $1", [
    id,
    JSON.stringify(request),
  ]);
  await announceDeploy(tx, id);
  await notify(tx, "deploy", [id]);
  const deploy = await loadDeploy(tx, id);
  if (!deploy) throw new Error(`deploy ${id} vanished`);
  return ok(deploy);
}

const summary = `SELECT ${own}, r.commit_sha AS "commitSha", r.commit_message AS "commitMessage",
  (SELECT count(*) FROM deploy_hosts h WHERE h.deploy_id = d.id) AS "hostsTotal",
  (SELECT count(*) FROM deploy_hosts h WHERE h.deploy_id = d.id AND h.step = 'updated') AS "hostsUpdated",
  (SELECT count(*) FROM deploy_hosts h WHERE h.deploy_id = d.id AND h.step = 'failed') AS "hostsFailed"
  FROM deploys d JOIN releases r ON r.id = d.release_id`;

const sortColumns = { createdAt: "d.created_at", state: "d.state", environment: "d.environment" } as const;

export async function listDeploys(
  sql: Sql,
  query: PageQuery & {
    environment?: Environment;
    service?: Service;
    state?: DeployState;
    sortBy: keyof typeof sortColumns;
  },
): Promise<Page<DeploySummaryRow>> {
  const where = `($1::text IS NULL OR d.environment = $1) AND ($2::text IS NULL OR d.service = $2)
    AND ($3::text IS NULL OR d.state = $3)
    AND ($4::text IS NULL OR strpos(lower(d.image_tag || ' ' || d.created_by), lower($4)) > 0 OR starts_with(d.id::text, lower($4)))`;
  const values = [query.environment ?? null, query.service ?? null, query.state ?? null, query.search || null];
  const { rows } = await sql.query<DeploySummaryRow>(
    `${summary} WHERE ${where} ${orderBy(sortColumns, query, "d.id")} LIMIT $5 OFFSET $6`,
    [...values, query.pageSize, (query.page - 1) * query.pageSize],
  );
  const { rows: counted } = await sql.query<{ total: number }>(
    `SELECT count(*) AS total FROM deploys d WHERE ${where}`,
    values,
  );
  return { rows, total: counted[0]?.total ?? 0 };
}

export async function deploySummary(sql: Sql, id: string): Promise<DeploySummaryRow | undefined> {
  const { rows } = await sql.query<DeploySummaryRow>(`${summary} WHERE d.id = $1`, [id]);
  return rows[0];
}

/** What the engine decided, in order. */
export async function decisionsOf(sql: Sql, id: string): Promise<DecisionRow[]> {
  const { rows } = await sql.query<DecisionRow>(
    "SELECT seq, at, actor, summary, data FROM deploy_decisions WHERE deploy_id = $1 ORDER BY seq LIMIT 10000",
    [id],
  );
  return rows;
}

/** Tag and digest of the last deploy completed on the whole environment, not on a few sandboxes: the only thing to go back to. */
export async function lastCompleted(
  sql: Sql,
  environment: Environment,
  service: Service,
  exceptDeployId?: string,
): Promise<{ deployId: string; imageTag: string; imageDigest: string } | undefined> {
  const { rows } = await sql.query<{ deployId: string; imageTag: string; imageDigest: string }>(
    `SELECT id AS "deployId", image_tag AS "imageTag", image_digest AS "imageDigest" FROM deploys
     WHERE environment = $1 AND service = $2 AND state = 'completed' AND image_digest IS NOT NULL AND sandbox_ids IS NULL
       AND ($3::uuid IS NULL OR id <> $3)
     ORDER BY ended_at DESC LIMIT 1`,
    [environment, service, exceptDeployId ?? null],
  );
  return rows[0];
}
