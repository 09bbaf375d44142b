import {
  type Database,
  type DeployHostRow,
  type DeployRow,
  type Tx,
  addCordon,
  allowRelease,
  claimEpoch,
  deployNeighbours,
  disallowRelease,
  lastCompleted,
  listAllowedReleases,
  loadDeploy,
  loadDeployHead,
  moveSandbox,
  noteReleaseDigest,
  openDeployIds,
  removeCordon,
  sandboxFacts,
  saveDeploy,
  setTargetGeneration,
} from "@valet/db";
import {
  type DeployDocument,
  type DeployStore,
  type EnvironmentFacts,
  type HostStep,
  type Write,
  changedHosts,
  courseSchema,
  deployRequestSchema,
  engineStateSchema,
  hostEngineSchema,
} from "@valet/rollout";
import { type LeaseTimes, assertNever, defaultKnobs } from "@valet/shared";
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
  await applyWrites(tx, next, row, writes);
  return seen ? journal.write(tx, seen, next) : () => undefined;
}

async function environmentFacts(db: Database, deploy: DeployDocument): Promise<EnvironmentFacts> {
  const { environment, service } = deploy;
  const [neighbours, last, allowed] = await Promise.all([
    deployNeighbours(db, deploy),
    lastCompleted(db, environment, service, deploy.id),
    listAllowedReleases(db, environment, service),
  ]);
  return {
    ...neighbours,
    lastCompleted: last ? { tag: last.imageTag, digest: last.imageDigest } : null,
    allowedDigests: allowed.map((release) => release.imageDigest).sort(),
    samples: null,
    approvals: [],
    requiredApprovals: 0,
    contractMigrations: [],
  };
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

const msOf = (date: Date | null): number | null => date?.getTime() ?? null;
const dateOf = (ms: number | null): Date | null => (ms === null ? null : new Date(ms));

/** Deploys of a release that ran before: its tag may mean something else by now. */
const triggersByDigest: readonly string[] = ["rollback", "webhook rollback", "converge"];

/** The engine's JSON is checked on the way in like any other input: a row written by another version must not half-fit. */
export function documentOf(row: DeployRow): DeployDocument {
  const { course, ...engine } = row.engine;
  const isFresh = Object.keys(engine).length === 0;
  const request = row.request && {
    ...row.request.data,
    kind: row.request.verb,
    actor: row.request.actor,
    reason: row.request.reason,
  };
  return {
    id: row.id,
    environment: row.environment,
    service: row.service,
    imageTag: row.imageTag,
    imageDigest: row.imageDigest,
    byDigest: triggersByDigest.includes(row.trigger),
    previousTag: row.previousTag,
    previousDigest: row.previousDigest,
    state: row.state,
    stateReason: row.stateReason,
    revision: row.revision,
    // A deploy that an older version wrote lacks the newer knobs.
    knobs: { ...defaultKnobs(row.knobs.order), ...row.knobs },
    waitingOn: row.waitingOn,
    request: request && deployRequestSchema.parse(request),
    engine: isFresh ? { kind: "waiting" } : engineStateSchema.parse(engine),
    course: courseSchema.parse(course ?? {}),
    analysis: null,
    createdBy: row.createdBy,
    ignoreFreeze: false,
    sandboxIds: row.sandboxIds,
    startedAt: msOf(row.startedAt),
    endedAt: msOf(row.endedAt),
    hosts: row.hosts.map(hostOf),
  };
}

function hostOf(row: DeployHostRow): HostStep {
  return {
    sandboxId: row.sandboxId,
    name: row.sandboxName,
    step: row.step,
    order: row.order,
    reason: row.reason,
    oldGeneration: row.oldGeneration,
    newGeneration: row.newGeneration,
    reportedDigest: row.reportedDigest,
    startedAt: msOf(row.startedAt),
    endedAt: msOf(row.endedAt),
    engine: hostEngineSchema.parse(row.engine),
  };
}

/** `row` keeps what the engine does not know of: release, trigger, author. */
function rowOf(next: DeployDocument, row: DeployRow, hosts: readonly HostStep[]): DeployRow {
  const positions = new Map(next.hosts.map((host, position) => [host.sandboxId, position]));
  return {
    ...row,
    imageDigest: next.imageDigest,
    previousTag: next.previousTag,
    previousDigest: next.previousDigest,
    state: next.state,
    stateReason: next.stateReason,
    knobs: next.knobs,
    waitingOn: next.waitingOn,
    request: next.request === null ? null : row.request,
    engine: { ...next.engine, course: next.course },
    sandboxIds: next.sandboxIds,
    startedAt: dateOf(next.startedAt),
    endedAt: dateOf(next.endedAt),
    hosts: hosts.map((host) => ({
      sandboxId: host.sandboxId,
      sandboxName: host.name,
      position: positions.get(host.sandboxId) ?? 0,
      step: host.step,
      order: host.order,
      reason: host.reason,
      epoch: host.engine.command?.epoch ?? null,
      oldGeneration: host.oldGeneration,
      newGeneration: host.newGeneration,
      reportedDigest: host.reportedDigest,
      engine: host.engine,
      startedAt: dateOf(host.startedAt),
      endedAt: dateOf(host.endedAt),
    })),
  };
}
