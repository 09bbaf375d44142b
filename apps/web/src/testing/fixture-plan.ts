import type {
  DeployHistory,
  DeployPlan,
  DeployView,
  ReleaseCompare,
  ReleaseFacts,
  RolloutConfigView,
} from "@valet/contracts";
import { emptyEnvironmentConfig } from "@valet/contracts";
import { defaultKnobs } from "@valet/shared";
import { fixtureDigest, fixtureId } from "./seeded-random.ts";

/** A canary over 40 hosts, one of them away and one short of memory. `turn`: each one has a revision of its own. */
export function fixturePlan(nowMs: number, imageTag: string, environment: string, turn: number): DeployPlan {
  const hosts = Array.from({ length: 40 }, (_, number): DeployPlan["hosts"][number] => {
    const isAway = number === 6;
    const isTight = number === 3;
    return {
      sandboxId: fixtureId(1, number),
      sandboxName: `sandbox-${number + 1}`,
      wave: isAway ? null : number === 0 ? 1 : number < 20 ? 2 : number - 16,
      order: isTight ? "stop-first" : "start-first",
      action: isAway ? "skip" : "change",
      text: isAway
        ? "left out: it has not answered for 94 s; it is converged when it returns"
        : isTight
          ? "stop-first, because 1.1 GB are free and 1.6 GB are needed: drained first"
          : "start-first: the new generation boots beside the old one and takes its slots as they fall free",
      notes: number === 2 ? ["pinned by hand to v1.8.0: this deploy takes its place"] : [],
      tasks: number % 4,
      memory: isAway ? null : { totalMb: 8192, usedMb: isTight ? 7066 : 4300, neededMb: 1640, admits: !isTight },
      observedAgoMs: isAway ? 94_000 : 1800,
    };
  });
  const wave = (number: number, text: string, count: number, bakeMs = 0): DeployPlan["waves"][number] => ({
    ...{ wave: number, text, hosts: count, bakeMs, waitsForPromotion: false },
    sandboxNames: [`sandbox-${number}`],
  });
  return {
    revision: `p1-${Array.from({ length: 6 }, () => String(turn).padStart(6, "0")).join("-")}`,
    plannedAt: new Date(nowMs).toISOString(),
    ...{ environment, service: "ghosthands", imageTag, imageDigest: fixtureDigest(4) },
    ...{ previousTag: "v1.8.2", strategy: "canary", state: null, hosts },
    waves: [
      wave(1, "canary step 1 of 2: 1 hosts, 25 % of their slots", 1, 600_000),
      { ...wave(2, "canary step 2 of 2: 20 hosts, 100 % of their slots", 18, 1_800_000), waitsForPromotion: true },
      ...Array.from({ length: 20 }, (_, number) => wave(number + 3, "the rest", 1)),
    ],
    blockers: [
      {
        kind: "freeze",
        blocks: true,
        text: `freeze "weekend" until ${new Date(nowMs + 7_500_000).toISOString()}`,
        until: new Date(nowMs + 7_500_000).toISOString(),
      },
      { kind: "approval", blocks: true, text: "approval by a person other than admin:acme/maria: 0 of 1", until: null },
      { kind: "unreachable", blocks: false, text: "sandbox-7: left out: it has not answered for 94 s", until: null },
    ],
    openTasks: 58,
    tasksAtRisk: [
      {
        taskId: fixtureId(2, 4),
        sandboxName: "sandbox-4",
        endsIn: { p50Ms: 190_000, p90Ms: 540_000 },
        drainDeadlineInMs: 300_000,
        chancePastDeadline: 0.31,
        then: "the deploy pauses and asks a person",
      },
    ],
    tasksAtRiskTotal: 1,
    eta: {
      newWorkOnNewVersion: { p50Ms: 2_910_000, p90Ms: 3_240_000 },
      lastOldTaskEnded: { p50Ms: 3_120_000, p90Ms: 3_900_000 },
      basis: "from 214 changes of a host and 3,120 tasks here",
      measuredChanges: 214,
      measuredTasks: 3120,
      without: ["the freeze", "people"],
    },
  };
}

/** One save a decision of the deploy, with what was seen before it. */
export function fixtureHistory(deploy: DeployView, after: number): DeployHistory {
  const entries = deploy.decisions
    .map((decision, index) => ({
      revision: index + 1,
      at: decision.at,
      state: index === 0 ? ("queued" as const) : deploy.state,
      decisions: [decision],
      observed: {
        environment: index === 1 ? { request: { action: "trigger", actor: "operator:acme/jo" } } : {},
        sandboxes: [
          {
            sandboxId: fixtureId(1, 0),
            sandboxName: "sandbox-1",
            changed: {
              phase: index % 2 === 0 ? "verifying" : "serving",
              activeTasks: 3,
              slots: "2 of 4 on generation 8",
            },
          },
        ],
        sandboxesChanged: 1 + index,
      },
    }))
    .filter((entry) => entry.revision > after);
  return { entries, next: null };
}

function facts(nowMs: number, change: Partial<ReleaseFacts>): ReleaseFacts {
  return {
    imageTag: "v1.8.2",
    imageDigest: fixtureDigest(1),
    deploys: [
      {
        id: fixtureId(3, 5),
        environment: "staging",
        state: "completed",
        startedAt: new Date(nowMs - 18_000_000).toISOString(),
        newWorkOnNewVersionMs: 184_200,
        lastOldTaskEndedMs: 402_000,
        tasksLost: 0,
        minCapacityPct: 100,
      },
    ],
    ...{ rollbacks: 0, tasksLost: 0, minCapacityPct: 100, tasks: 3120, tasksFailed: 41, failureRate: 41 / 3120 },
    taskDuration: { p50Ms: 46_900, p90Ms: 131_000 },
    ...change,
  };
}

export function fixtureCompare(nowMs: number): ReleaseCompare {
  const to = facts(nowMs, {
    ...{ imageTag: "v1.9.0", imageDigest: fixtureDigest(2), tasks: 212, tasksFailed: 9, failureRate: 9 / 212 },
    taskDuration: { p50Ms: 61_400, p90Ms: 150_000 },
    deploys: [
      {
        ...{ id: fixtureId(3, 0), environment: "staging", state: "in_progress" },
        startedAt: new Date(nowMs - 312_000).toISOString(),
        ...{ newWorkOnNewVersionMs: null, lastOldTaskEndedMs: null, tasksLost: 0, minCapacityPct: 100 },
      },
    ],
  });
  return {
    from: facts(nowMs, {}),
    to,
    differences: [
      "failed: 41 of 3120 tasks on v1.8.2, 9 of 212 tasks on v1.9.0",
      "half of the tasks take 131 % of the time they took on v1.8.2",
    ],
  };
}

const source = `version: 1
environments:
  production:
    approvals: 2
    freezes:
      - name: weekend
        days: [fri]
        from: "18:00"
        to: "06:00"
        timezone: Europe/Berlin
    services:
      ghosthands:
        strategy: canary
        canarySteps:
          - { hosts: 1, taskSharePct: 25, bakeMs: 600000 }
          - { hosts: "50%", bakeMs: 1800000 }
`;

/** Production has a rollout.yml, the others go by what is shipped. */
export function fixtureRolloutConfig(nowMs: number, environment: RolloutConfigView["environment"]): RolloutConfigView {
  const isSet = environment === "production";
  return {
    environment,
    version: isSet ? 4 : 0,
    source: isSet ? source : "",
    config: isSet
      ? {
          ...emptyEnvironmentConfig,
          approvals: 2,
          freezes: [
            { name: "weekend", days: ["fri"], from: "18:00", to: "06:00", timezone: "Europe/Berlin", pauses: false },
            { name: "holidays", from: "2026-12-24T18:00:00+01:00", to: "2027-01-02T06:00:00+01:00", pauses: true },
          ],
        }
      : emptyEnvironmentConfig,
    createdBy: isSet ? "admin:acme/maria" : null,
    createdAt: isSet ? new Date(nowMs - 86_400_000).toISOString() : null,
    effective: {
      ghosthands: {
        knobs: {
          ...defaultKnobs(),
          strategy: isSet ? "canary" : "rolling",
          canarySteps: [
            { hosts: 1, taskSharePct: 25, bakeMs: 600_000 },
            { hosts: "50%", taskSharePct: 100, bakeMs: 1_800_000 },
          ],
        },
        analysis: null,
      },
    },
    freeze: isSet ? { name: "weekend", until: new Date(nowMs + 7_500_000).toISOString(), pauses: false } : null,
  };
}
