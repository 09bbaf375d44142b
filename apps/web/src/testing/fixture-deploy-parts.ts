import type { DeployView } from "@valet/contracts";
import {
  type DeployState,
  type HostStepState,
  type RolloutKnobs,
  defaultKnobs,
  deployTransitions,
  isTerminal,
} from "@valet/shared";
import { fixtureDigest, fixtureId } from "./seeded-random.ts";

type Host = DeployView["hosts"][number];

/** A deploy of `tag` in `state`, of which nothing else is said. Number 3k + 1 is started by hand. */
export function bareDeploy(nowMs: number, number: number, state: DeployState, tag: string): DeployView {
  return {
    id: fixtureId(3, number),
    environment: "staging",
    service: "ghosthands",
    imageTag: tag,
    imageDigest: fixtureDigest(number + 2),
    previousTag: "v1.8.2",
    previousDigest: fixtureDigest(1),
    commitSha: "9f2c41d07be6aa18c2b07f1d6a4f0de2b9c7e511",
    commitMessage: "Wait for the form's own validation before pressing send",
    state,
    stateReason: "",
    waitingOn: [],
    trigger: number % 3 === 1 ? "manual" : "webhook",
    createdBy: number % 3 === 1 ? "maria" : "ghosthands pipeline",
    revision: 12,
    hostsTotal: 6,
    hostsUpdated: 0,
    hostsFailed: 0,
    createdAt: new Date(nowMs - number * 3_600_000 - 320_000).toISOString(),
    startedAt: null,
    endedAt: null,
    knobs: defaultKnobs(),
    progress: {
      phase: isAtRest(state) ? "ended" : "rolling",
      text: "",
      step: null,
      stepsTotal: 0,
      bakeEndsAt: null,
      awaitsPromotion: false,
    },
    analysis: null,
    approvals: { required: 0, given: [] },
    freeze: null,
    ignoreFreeze: false,
    configVersion: null,
    warnings: [],
    hosts: [],
    decisions: [],
    measures: { newWorkOnNewVersionMs: null, lastOldTaskEndedMs: null, tasksLost: null, minCapacityPct: null },
  };
}

/** One host of a deploy, on its way from generation 7. */
export function deployHost(number: number, step: HostStepState, change: Partial<Host>): Host {
  return {
    sandboxId: fixtureId(1, number),
    sandboxName: `sandbox-${number + 1}`,
    step,
    status: step,
    order: "start-first",
    reason: "",
    message: "",
    oldGeneration: 7,
    newGeneration: null,
    reportedDigest: null,
    activeTaskCount: 0,
    startedAt: null,
    endedAt: null,
    ...change,
  };
}

export function decision(
  nowMs: number,
  seq: number,
  agoMs: number,
  actor: string,
  summary: string,
  data: Record<string, unknown>,
) {
  return { seq, at: new Date(nowMs - agoMs).toISOString(), actor, summary, data };
}

const isAtRest = (state: DeployState): boolean => isTerminal(deployTransitions, state) || state === "failed";

/** Three steps, the last of them half of the hosts. */
export const canaryKnobs: RolloutKnobs = {
  ...defaultKnobs(),
  strategy: "canary",
  maxParallel: 2,
  canarySteps: [
    { hosts: 1, taskSharePct: 25, bakeMs: 600_000 },
    { hosts: 2, taskSharePct: 50, bakeMs: 900_000 },
    { hosts: "50%", taskSharePct: 100, bakeMs: 1_800_000 },
  ],
};

/** A deploy of eight hosts that began a quarter of an hour ago. */
export function startedDeploy(nowMs: number, tag: string, knobs: RolloutKnobs): DeployView {
  const base = bareDeploy(nowMs, 2, "in_progress", tag);
  return {
    ...base,
    knobs,
    configVersion: 4,
    hostsTotal: 8,
    startedAt: new Date(nowMs - 940_000).toISOString(),
    createdAt: new Date(nowMs - 960_000).toISOString(),
    trigger: "manual",
    createdBy: "operator:acme/jo",
    measures: { newWorkOnNewVersionMs: null, lastOldTaskEndedMs: null, tasksLost: 0, minCapacityPct: 100 },
  };
}
