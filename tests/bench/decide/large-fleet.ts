import type { AgentHealth } from "@valet/contracts";
import {
  type DeployDocument,
  type EnvironmentFacts,
  type HostStep,
  type Observation,
  type Observations,
  type SandboxFacts,
  freshCourse,
  freshHostEngine,
} from "@valet/rollout";
import { defaultKnobs } from "@valet/shared";

export const oldDigest = `sha256:${"1".repeat(64)}`;
export const newDigest = `sha256:${"2".repeat(64)}`;
const startedAt = new Date(0).toISOString();

/** What an agent says that serves `digest` as this generation, and perhaps an older one beside it. */
export function healthOf(epoch: number, generations: AgentHealth["generations"]): AgentHealth {
  const serving = generations.filter((one) => one.state === "serving").at(-1);
  return {
    ...{ status: "ok", cpu: 0.4, memoryTotalMb: 8000, memoryUsedMb: 3000, diskTotalGb: 80, diskUsedGb: 20 },
    ...{ adspowerStatus: "stopped", activeProfiles: 0, activeWorkers: 4, uptime: 1000, version: "1" },
    generation: serving?.generation ?? null,
    imageTag: serving?.imageTag ?? null,
    imageDigest: serving?.imageDigest ?? null,
    ...{ currentDeploy: null, deploySafe: false, accepting: true, epoch, generations },
  };
}

export function generation(
  number: number,
  digest: string,
  state: "serving" | "draining",
): AgentHealth["generations"][number] {
  return {
    ...{
      generation: number,
      state,
      imageTag: digest === newDigest ? "v2" : "v1",
      imageDigest: digest,
      desiredDigest: digest,
    },
    ...{ apiPort: 1, workerPort: 2, apiPid: 1, workerPid: 2, healthy: true, accepting: state === "serving" },
    ...{ activeJobs: 4, restarts: 0, startedAt },
  };
}

export interface LargeFleet {
  deploy: DeployDocument;
  observations: Observations;
}

/**
 * A rolling deploy in the middle of a large fleet: a third is updated, a hundred hosts move, the rest wait; every slot is busy. Made
 * in the order in which a pass gets it: the document, the database's facts, then what each host says.
 */
export function largeFleet(hosts: number, tasksAHost: number, now: number): LargeFleet {
  const knobs = { ...defaultKnobs(), maxParallel: 100 };
  const places = Array.from({ length: hosts }, (_, index): Place => ({
    sandboxId: `00000000-0000-4000-8000-${String(index).padStart(12, "0")}`,
    name: `sandbox-${index}`,
    step: index < hosts / 3 ? "updated" : index < hosts / 3 + 100 ? "starting" : "pending",
  }));
  const deploy: DeployDocument = {
    ...{ id: "d1", environment: "production", service: "ghosthands", imageTag: "v2", imageDigest: newDigest },
    ...{ previousTag: "v1", previousDigest: oldDigest, state: "in_progress", stateReason: "", revision: 7, knobs },
    ...{ waitingOn: [], request: null, engine: { kind: "rolling", failing: null }, course: freshCourse() },
    ...{ analysis: null, createdBy: "bench", ignoreFreeze: false, sandboxIds: null },
    ...{ startedAt: now - 60_000, endedAt: null, hosts: places.map((place) => hostStep(place, now)) },
  };
  const facts = places.map((place, index) => factsOf(place, tasksAHost, index));
  const sandboxes = facts.map((one): Observation => ({
    kind: "seen",
    health: healthAt(one.targetGeneration === 2),
    refusal: null,
    facts: one,
  }));
  return { deploy, observations: { environment: environmentFacts, sandboxes } };
}

interface Place {
  sandboxId: string;
  name: string;
  step: HostStep["step"];
}

const environmentFacts: EnvironmentFacts = {
  ...{ activeDeployId: null, olderQueuedId: null, newerQueuedId: null, deployCordoned: [], samples: null },
  ...{ lastCompleted: { tag: "v1", digest: oldDigest }, allowedDigests: [oldDigest, newDigest] },
  ...{ approvals: [], requiredApprovals: 0, freezes: [], contractMigrations: [] },
};

function hostStep({ sandboxId, name, step }: Place, now: number): HostStep {
  const engine = freshHostEngine();
  if (step === "updated") engine.command = { kind: "settle", epoch: 2, issuedAt: now - 30_000, generation: 2 };
  if (step === "starting") engine.command = { kind: "deploy", epoch: 2, issuedAt: now - 1000 };
  return {
    ...{ sandboxId, name, step, order: "start-first", reason: "", oldGeneration: 1, engine },
    newGeneration: step === "updated" ? 2 : null,
    reportedDigest: step === "updated" ? newDigest : null,
    startedAt: step === "pending" ? null : now - 40_000,
    endedAt: step === "updated" ? now - 30_000 : null,
  };
}

function factsOf({ sandboxId, name, step }: Place, tasks: number, index: number): SandboxFacts {
  const isUpdated = step === "updated";
  const current = isUpdated ? 2 : 1;
  return {
    ...{ sandboxId, name, state: step === "starting" ? "deploying" : "active", epoch: current },
    ...{ targetGeneration: current, targetSlots: null, sessionLive: true, unreachableSince: null },
    slots: Array.from({ length: tasks }, (_, slot) => ({ index: slot, generation: current, state: "occupied" })),
    openAttempts: Array.from({ length: tasks }, (_, slot) => ({
      taskId: `${sandboxId.slice(0, 35)}${slot}-${index}`,
      generation: current,
      requeueable: slot % 2 === 0,
    })),
    cordons: [],
    otherDeploys: [],
  };
}

function healthAt(isUpdated: boolean): AgentHealth {
  const generations = isUpdated
    ? [generation(1, oldDigest, "draining"), generation(2, newDigest, "serving")]
    : [generation(1, oldDigest, "serving")];
  return healthOf(isUpdated ? 2 : 1, generations);
}
