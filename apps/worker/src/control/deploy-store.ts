import { freezeWindowSchema } from "@valet/contracts";
import {
  type Database,
  type DeployRow,
  type Tx,
  addCordon,
  allowRelease,
  analysisSamples,
  approvalFacts,
  claimEpoch,
  deployNeighbours,
  disallowRelease,
  getEnvironmentConfig,
  lastCompleted,
  listAllowedReleases,
  lockDeployCordons,
  loadDeploy,
  loadDeployHead,
  moveSandbox,
  noteReleaseDigest,
  openDeployIds,
  otherDeploysOn,
  removeCordon,
  sandboxFacts,
  saveDeploy,
  setTargetGeneration,
} from "@valet/db";
import {
  type DeployDocument,
  type DeployStore,
  type EnvironmentFacts,
  type Write,
  begunSandboxes,
  changedHosts,
  documentOf,
  hasMiscounted,
  isAnalysing,
  takesService,
} from "@valet/rollout";
import { type LeaseTimes, assertNever } from "@valet/shared";
import { z } from "zod";
import { rowOf } from "./deploy-document.ts";
import { type DeployJournal, makeDeployJournal } from "./deploy-journal.ts";

/** Undoes the whole save: somebody else was quicker. */
class LostRace extends Error {}

/** Deploys in Postgres. The document, the rows it wants changed and its decisions are one transaction. */
export function makeDeployStore(db: Database, times: LeaseTimes): DeployStore {
  const journal = makeDeployJournal();
  return {
    async load(deployId) {
      const row = await loadDeploy(db, deployId);
      return row ? documentOf(row) : null;
    },
    listOpen: () => openDeployIds(db),
    async facts(deploy) {
      const [environment, sandboxes] = await Promise.all([
        environmentFacts(db, deploy),
        sandboxFacts(db, deploy, times),
      ]);
      return { environment, sandboxes };
    },
    async save(next, expectedRevision, change) {
      try {
        const committed = await db.tx((tx) => saveDocument(tx, journal, next, expectedRevision, change));
        committed();
        return "saved";
      } catch (error) {
        if (error instanceof LostRace) return "lost_race";
        throw error;
      }
    },
  };
}

type Change = Parameters<DeployStore["save"]>[2];

/** Only hosts that differ from the document that was loaded are written; the revision proves that nobody changed it since. */
async function saveDocument(
  tx: Tx,
  journal: DeployJournal,
  next: DeployDocument,
  expectedRevision: number,
  { decisions, writes, seen }: Change,
): Promise<() => void> {
  const row = await loadDeployHead(tx, next.id);
  if (!row) throw new LostRace(`deploy ${next.id} is gone`);
  const hosts = seen ? changedHosts(seen.deploy.hosts, next.hosts) : next.hosts;
  const told = decisions.map(({ actor = "engine", summary, data }) => ({ actor, summary, data }));
  const saved = await saveDeploy(tx, rowOf(next, row, hosts), expectedRevision, told, [], seen ? "changed" : "all");
  if (!saved.ok) {
    if (saved.error.kind === "illegal_transition") throw new Error(saved.error.message);
    throw new LostRace(saved.error.message);
  }
  const change = { writes, seen };
  const begun = seen ? begunSandboxes(seen.deploy, next) : [];
  if (begun.length > 0) {
    await lockDeployCordons(tx, next.environment);
    const others = await otherDeploysOn(tx, next.id);
    const taken = others.find((one) => begun.includes(one.sandboxId));
    if (taken) throw new LostRace(`deploy ${taken.deployId} has begun ${taken.sandboxId} meanwhile`);
  }
  if (takesService(change) && hasMiscounted(change, await lockDeployCordons(tx, next.environment))) {
    throw new LostRace("other deploys have taken or freed hosts since they were counted");
  }
  await applyWrites(tx, next, row, writes);
  return seen ? journal.write(tx, seen, next) : () => undefined;
}

async function environmentFacts(db: Database, deploy: DeployDocument): Promise<EnvironmentFacts> {
  const { environment, service } = deploy;
  const [neighbours, last, allowed, approved, config, samples] = await Promise.all([
    deployNeighbours(db, deploy),
    lastCompleted(db, environment, service, deploy.id),
    listAllowedReleases(db, environment, service),
    approvalFacts(db, deploy.id),
    getEnvironmentConfig(db, environment),
    samplesOf(db, deploy),
  ]);
  return {
    ...neighbours,
    lastCompleted: last ? { tag: last.imageTag, digest: last.imageDigest } : null,
    allowedDigests: allowed.map((release) => release.imageDigest).sort(),
    ...approved,
    samples,
    freezes: environmentRules.parse(config?.config ?? {}).freezes,
    contractMigrations: [],
  };
}

/** Of an environment's configuration, what the engine goes by at each moment; the rest became the deploy's own at its creation. */
const environmentRules = z.object({ freezes: z.array(freezeWindowSchema).default([]) });

/** Read only while a canary is being judged: the tasks of both releases since its analysis began. */
async function samplesOf(db: Database, deploy: DeployDocument): Promise<EnvironmentFacts["samples"]> {
  const { environment, service, imageDigest, previousDigest, course } = deploy;
  if (!isAnalysing(deploy) || course.analysis === null) return null;
  if (imageDigest === null) return { error: "the digest of the new release is not known yet" };
  const since = new Date(course.analysis.since);
  return analysisSamples(db, { environment, service, canaryDigest: imageDigest, controlDigest: previousDigest, since });
}

/** In the order of sandbox ids, so that two savers never wait for each other in a circle. */
async function applyWrites(tx: Tx, next: DeployDocument, row: DeployRow, writes: readonly Write[]): Promise<void> {
  const idOf = (write: Write) => ("sandboxId" in write ? write.sandboxId : "");
  for (const write of [...writes].sort((a, b) => (idOf(a) < idOf(b) ? -1 : idOf(a) > idOf(b) ? 1 : 0))) {
    await applyWrite(tx, next, write);
  }
  if (next.imageDigest !== null && row.imageDigest === null) {
    await noteReleaseDigest(tx, row.id, next.imageDigest);
  }
}

async function applyWrite(tx: Tx, { environment, service }: DeployDocument, write: Write): Promise<void> {
  switch (write.kind) {
    case "claim_epoch":
      if (!(await claimEpoch(tx, write.sandboxId, write.epoch))) throw new LostRace(`epoch ${write.epoch} is taken`);
      return;
    case "move_sandbox": {
      const moved = await moveSandbox(tx, write.sandboxId, { to: write.to, reason: write.reason });
      // Somebody moved it since it was observed: decide again on what it is now.
      if (!moved.ok) throw new LostRace(moved.error.message);
      return;
    }
    case "cordon": {
      const { holderKind, holderId, reason } = write;
      const added = await addCordon(tx, write.sandboxId, { holderKind, holderId, reason });
      if (!added.ok) throw new LostRace(added.error.message);
      return;
    }
    case "uncordon":
      await removeCordon(tx, write.sandboxId, { holderKind: write.holderKind, holderId: write.holderId });
      return;
    case "set_target":
      await setTargetGeneration(tx, write.sandboxId, write.generation, write.slots);
      return;
    case "allow_release":
      return allowRelease(tx, environment, service, { imageDigest: write.digest, reason: write.reason });
    case "disallow_release":
      return disallowRelease(tx, environment, service, write.digest);
    default:
      assertNever(write);
  }
}
