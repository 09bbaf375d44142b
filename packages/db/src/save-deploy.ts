import { activeDeployStates, deployTransitions, err, ok, sourcesOf } from "@valet/shared";
import type { DeployState, Result } from "@valet/shared";
import { announceDeploy } from "./deploys.ts";
import type { DeployRevisionMoved } from "./deploys.ts";
import type { DeployRow, NewDecision } from "./deploy-row.ts";
import { notify } from "./notify.ts";
import { nextEpoch } from "./sandboxes.ts";
import { brokenConstraint } from "./sql.ts";
import type { Tx } from "./sql.ts";

export interface AnotherActive {
  kind: "another_active";
  deployId: string | null;
  message: string;
}
export interface IllegalDeployMove {
  kind: "illegal_transition";
  from: DeployState;
  to: DeployState;
  message: string;
}
export type SaveRefused = DeployRevisionMoved | AnotherActive | IllegalDeployMove;
export interface Saved {
  revision: number;
  /** Next epoch of each sandbox of `needEpoch`. */
  epochs: Record<string, number>;
}

/**
 * Saves the whole document (state, request, engine, hosts) with its decisions, and gives each sandbox of `needEpoch` its next epoch,
 * also written to its host row. Refused when the row is no longer at `expectedRevision`: load and decide again (F16).
 * `hosts: "changed"`: `deploy.hosts` are only those that differ from the rows; the others stay as they are.
 */
export async function saveDeploy(
  tx: Tx,
  deploy: DeployRow,
  expectedRevision: number,
  decisions: readonly NewDecision[],
  needEpoch: readonly string[] = [],
  hosts: "all" | "changed" = "all",
): Promise<Result<Saved, SaveRefused>> {
  const refused = await refusalOf(tx, deploy, expectedRevision);
  if (refused) return err(refused);
  try {
    await tx.savepoint(() => writeDeploy(tx, deploy));
  } catch (error) {
    if (brokenConstraint(error) !== "deploys_one_active") throw error;
    return err(await anotherActive(tx, deploy));
  }
  if (hosts === "all") await deleteOtherHosts(tx, deploy);
  await writeHosts(tx, deploy);
  await writeDecisions(tx, deploy.id, expectedRevision + 1, decisions);
  const epochs = await giveEpochs(tx, deploy.id, needEpoch);
  await announceDeploy(tx, deploy.id);
  await notify(tx, "deploy", [deploy.id]);
  return ok({ revision: expectedRevision + 1, epochs });
}

async function refusalOf(tx: Tx, deploy: DeployRow, expectedRevision: number): Promise<SaveRefused | undefined> {
  const { rows } = await tx.query<{ state: DeployState; revision: number }>(
    "SELECT state, revision FROM deploys WHERE id = $1 FOR UPDATE",
    [deploy.id],
  );
  const found = rows[0];
  if (!found) throw new Error(`there is no deploy ${deploy.id}`);
  if (found.revision !== expectedRevision) {
    const message = `deploy ${deploy.id} is at revision ${found.revision}, not ${expectedRevision}: load it again`;
    return { kind: "revision_moved", found: found.revision, message };
  }
  if (found.state === deploy.state || sourcesOf(deployTransitions, deploy.state).includes(found.state))
    return undefined;
  const message = `a deploy cannot go from ${found.state} to ${deploy.state}`;
  return { kind: "illegal_transition", from: found.state, to: deploy.state, message };
}

async function writeDeploy(tx: Tx, deploy: DeployRow): Promise<void> {
  await tx.query(
    `UPDATE deploys SET image_digest = $2, previous_tag = $3, previous_digest = $4, state = $5, state_reason = $6, knobs = $7,
       waiting_on = $8, request = $9, engine = $10, sandbox_ids = $11, started_at = $12, ended_at = $13, revision = revision + 1
     WHERE id = $1`,
    [
      deploy.id,
      deploy.imageDigest,
      deploy.previousTag,
      deploy.previousDigest,
      deploy.state,
      deploy.stateReason,
      JSON.stringify(deploy.knobs),
      JSON.stringify(deploy.waitingOn),
      deploy.request ? JSON.stringify(deploy.request) : null,
      JSON.stringify(deploy.engine),
      deploy.sandboxIds,
      deploy.startedAt,
      deploy.endedAt,
    ],
  );
}

async function anotherActive(tx: Tx, deploy: DeployRow): Promise<AnotherActive> {
  const { rows } = await tx.query<{ id: string; imageTag: string }>(
    `SELECT id, image_tag AS "imageTag" FROM deploys WHERE environment = $1 AND service = $2 AND id <> $3 AND state = ANY ($4)`,
    [deploy.environment, deploy.service, deploy.id, activeDeployStates],
  );
  const other = rows[0];
  const message = `${other ? `the deploy of ${other.imageTag}` : "another deploy"} is under way in ${deploy.environment}`;
  return { kind: "another_active", deployId: other?.id ?? null, message };
}

async function deleteOtherHosts(tx: Tx, { id, hosts }: DeployRow): Promise<void> {
  await tx.query("DELETE FROM deploy_hosts WHERE deploy_id = $1 AND sandbox_id <> ALL ($2::uuid[])", [
    id,
    hosts.map((host) => host.sandboxId),
  ]);
}

async function writeHosts(tx: Tx, deploy: DeployRow): Promise<void> {
  const { hosts } = deploy;
  if (hosts.length === 0) return;
  await tx.query(
    `INSERT INTO deploy_hosts AS h (deploy_id, sandbox_id, position, step, host_order, reason, epoch, old_generation, new_generation,
       reported_digest, engine, started_at, ended_at)
     SELECT $1, * FROM unnest($2::uuid[], $3::int[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::int[], $9::int[], $10::text[],
       $11::jsonb[], $12::timestamptz[], $13::timestamptz[])
     ON CONFLICT (deploy_id, sandbox_id) DO UPDATE SET position = EXCLUDED.position, step = EXCLUDED.step,
       host_order = EXCLUDED.host_order, reason = EXCLUDED.reason, epoch = coalesce(EXCLUDED.epoch, h.epoch),
       old_generation = EXCLUDED.old_generation, new_generation = EXCLUDED.new_generation,
       reported_digest = EXCLUDED.reported_digest, engine = EXCLUDED.engine, started_at = EXCLUDED.started_at,
       ended_at = EXCLUDED.ended_at`,
    [
      deploy.id,
      hosts.map((host) => host.sandboxId),
      hosts.map((host) => host.position),
      hosts.map((host) => host.step),
      hosts.map((host) => host.order),
      hosts.map((host) => host.reason),
      hosts.map((host) => host.epoch),
      hosts.map((host) => host.oldGeneration),
      hosts.map((host) => host.newGeneration),
      hosts.map((host) => host.reportedDigest),
      hosts.map((host) => JSON.stringify(host.engine)),
      hosts.map((host) => host.startedAt),
      hosts.map((host) => host.endedAt),
    ],
  );
}

async function writeDecisions(
  tx: Tx,
  deployId: string,
  revision: number,
  decisions: readonly NewDecision[],
): Promise<void> {
  if (decisions.length === 0) return;
  await tx.query(
    `INSERT INTO deploy_decisions (deploy_id, seq, actor, summary, data, revision)
     SELECT $1, last.seq + d.place, d.actor, d.summary, d.data, $5
     FROM unnest($2::text[], $3::text[], $4::jsonb[]) WITH ORDINALITY AS d (actor, summary, data, place),
       (SELECT coalesce(max(seq), 0) AS seq FROM deploy_decisions WHERE deploy_id = $1) AS last`,
    [
      deployId,
      decisions.map((decision) => decision.actor),
      decisions.map((decision) => decision.summary),
      decisions.map((decision) => JSON.stringify(decision.data ?? {})),
      revision,
    ],
  );
}

async function giveEpochs(tx: Tx, deployId: string, sandboxIds: readonly string[]): Promise<Record<string, number>> {
  const epochs: Record<string, number> = {};
  for (const sandboxId of [...sandboxIds].sort()) {
    const epoch = await nextEpoch(tx, sandboxId);
    await tx.query("UPDATE deploy_hosts SET epoch = $3 WHERE deploy_id = $1 AND sandbox_id = $2", [
      deployId,
      sandboxId,
      epoch,
    ]);
    epochs[sandboxId] = epoch;
  }
  return epochs;
}
