import type { DeployState, Environment, HostOrder, HostStepState, RolloutKnobs, Service } from "@valet/shared";
import { lastCompleted, announceDeploy } from "./deploys.ts";
import { hasOpenDeploy } from "./deploy-facts.ts";
import { notify } from "./notify.ts";
import { allowRelease, setAllowedReleases, upsertRelease } from "./releases.ts";
import { raiseEpoch, setTargetGeneration } from "./sandboxes.ts";
import type { JsonObject, Sql, Tx } from "./sql.ts";

/** A deploy that was run past the API, with its end, as its journal tells it. */
export interface DirectDeployRecord {
  id: string;
  environment: Environment;
  service: Service;
  imageTag: string;
  imageDigest: string | null;
  previousTag: string | null;
  previousDigest: string | null;
  state: DeployState;
  stateReason: string;
  knobs: RolloutKnobs;
  /** Meant for the whole environment. */
  isWhole: boolean;
  createdBy: string;
  createdAt: Date;
  startedAt: Date | null;
  endedAt: Date;
  hosts: DirectHostRecord[];
  decisions: { at: Date; actor: string; summary: string; data: JsonObject }[];
}
export interface DirectHostRecord {
  sandboxId: string;
  step: HostStepState;
  order: HostOrder;
  reason: string;
  epoch: number | null;
  oldGeneration: number | null;
  newGeneration: number | null;
  reportedDigest: string | null;
  startedAt: Date | null;
  endedAt: Date | null;
}

export interface DirectRecorded {
  isNew: boolean;
  /** Sandboxes whose slots now go to the generation that the deploy brought. */
  updatedSandboxIds: string[];
  /** What was not taken over, and why. */
  notes: string[];
}

/**
 * Writes a direct deploy down as it ended, and lets the fleet follow it: what it brought is allowed, the hosts it changed hand their slots
 * over, the others converge. Where something newer has completed meanwhile it is history only. The same journal again changes nothing.
 */
export async function recordDirectDeploy(tx: Tx, record: DirectDeployRecord): Promise<DirectRecorded> {
  const isNew = await insertDeploy(tx, record);
  if (!isNew) return { isNew, updatedSandboxIds: [], notes: ["it was recorded before"] };
  await insertHosts(tx, record);
  await insertDecisions(tx, record);
  const taken = await takeOver(tx, record);
  await announceDeploy(tx, record.id);
  await notify(tx, "deploy", [record.id]);
  await notify(tx, "assign", [""]);
  return { isNew, ...taken };
}

async function insertDeploy(tx: Tx, record: DirectDeployRecord): Promise<boolean> {
  const release = await upsertRelease(tx, {
    service: record.service,
    version: record.imageTag,
    imageTag: record.imageTag,
    imageDigest: record.imageDigest,
  });
  const { rowCount } = await tx.query(
    `INSERT INTO deploys (id, environment, service, release_id, image_tag, image_digest, previous_tag, previous_digest, state,
       state_reason, knobs, engine, trigger, created_by, sandbox_ids, created_at, started_at, ended_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, '{"kind":"ended"}', 'direct', $12, $13, $14, $15, $16)
     ON CONFLICT (id) DO NOTHING`,
    [
      ...[record.id, record.environment, record.service, release.id, record.imageTag, record.imageDigest],
      ...[record.previousTag, record.previousDigest, record.state, record.stateReason, JSON.stringify(record.knobs)],
      record.createdBy,
      record.isWhole ? null : record.hosts.map((host) => host.sandboxId),
      ...[record.createdAt, record.startedAt, record.endedAt],
    ],
  );
  return rowCount === 1;
}

async function insertHosts(tx: Tx, { id, hosts }: DirectDeployRecord): Promise<void> {
  await tx.query(
    `INSERT INTO deploy_hosts (deploy_id, sandbox_id, position, step, host_order, reason, epoch, old_generation, new_generation,
       reported_digest, engine, started_at, ended_at)
     SELECT $1, h.id, h.place - 1, h.step, h.host_order, h.reason, h.epoch, h.old, h.new, h.digest, '{}', h.started, h.ended
     FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::int[], $8::int[], $9::text[], $10::timestamptz[],
       $11::timestamptz[]) WITH ORDINALITY AS h (id, step, host_order, reason, epoch, old, new, digest, started, ended, place)`,
    [
      id,
      hosts.map((host) => host.sandboxId),
      hosts.map((host) => host.step),
      hosts.map((host) => host.order),
      hosts.map((host) => host.reason),
      hosts.map((host) => host.epoch),
      hosts.map((host) => host.oldGeneration),
      hosts.map((host) => host.newGeneration),
      hosts.map((host) => host.reportedDigest),
      hosts.map((host) => host.startedAt),
      hosts.map((host) => host.endedAt),
    ],
  );
}

async function insertDecisions(tx: Tx, { id, decisions }: DirectDeployRecord): Promise<void> {
  await tx.query(
    `INSERT INTO deploy_decisions (deploy_id, seq, at, actor, summary, data)
     SELECT $1, d.place, d.at, d.actor, d.summary, d.data
     FROM unnest($2::timestamptz[], $3::text[], $4::text[], $5::jsonb[]) WITH ORDINALITY AS d (at, actor, summary, data, place)`,
    [
      id,
      decisions.map((decision) => decision.at),
      decisions.map((decision) => decision.actor),
      decisions.map((decision) => decision.summary),
      decisions.map((decision) => JSON.stringify(decision.data)),
    ],
  );
}

async function takeOver(tx: Tx, record: DirectDeployRecord): Promise<Omit<DirectRecorded, "isNew">> {
  const { environment, service, imageDigest, hosts } = record;
  for (const host of hosts) if (host.epoch !== null) await raiseEpoch(tx, host.sandboxId, host.epoch);
  if (imageDigest === null)
    return { updatedSandboxIds: [], notes: ["it never learned its digest: nothing was changed"] };
  const updated = hosts.filter((host) => host.step === "updated" && host.reportedDigest === imageDigest);
  if (updated.length === 0) return { updatedSandboxIds: [], notes: [] };
  if (await isOvertaken(tx, record)) {
    return { updatedSandboxIds: [], notes: ["a newer deploy completed here since: its hosts converge to that one"] };
  }
  const reason = `direct deploy ${record.id} ${record.state}`;
  const isOpen = await hasOpenDeploy(tx, environment, service);
  const notes: string[] = [];
  if (record.state === "completed" && record.isWhole && !isOpen) {
    await setAllowedReleases(tx, environment, service, [{ imageDigest, reason }]);
  } else {
    await allowRelease(tx, environment, service, { imageDigest, reason });
    if (isOpen) notes.push("a deploy waits or is under way here: what ran before stays allowed until it ends");
  }
  for (const host of updated) await setTargetGeneration(tx, host.sandboxId, host.newGeneration);
  return { updatedSandboxIds: updated.map((host) => host.sandboxId), notes };
}

/** Something else completed on the whole environment after this one had ended. */
async function isOvertaken(sql: Sql, record: DirectDeployRecord): Promise<boolean> {
  const last = await lastCompleted(sql, record.environment, record.service, record.id);
  if (!last) return false;
  const { rows } = await sql.query<{ later: boolean }>("SELECT ended_at > $2 AS later FROM deploys WHERE id = $1", [
    last.deployId,
    record.endedAt,
  ]);
  return rows[0]?.later ?? false;
}

/** Which sandbox of an environment is meant by its id, or by where its agent listens. */
export async function sandboxesByAddress(
  sql: Sql,
  environment: Environment,
): Promise<{ id: string; publicIp: string; agentPort: number }[]> {
  const { rows } = await sql.query<{ id: string; publicIp: string; agentPort: number }>(
    `SELECT id, public_ip AS "publicIp", agent_port AS "agentPort" FROM sandboxes WHERE environment = $1 AND state <> 'terminated'`,
    [environment],
  );
  return rows;
}
