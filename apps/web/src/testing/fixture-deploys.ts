import type { DeployView } from "@valet/contracts";
import type { DeployState, HostStepState } from "@valet/shared";
import { bareDeploy, decision, deployHost as host } from "./fixture-deploy-parts.ts";
import { fixtureDigest } from "./seeded-random.ts";

/** A mid-rollout deploy first, then one in each other state that looks different. */
export function fixtureDeploys(nowMs: number): DeployView[] {
  const past: [DeployState, string, string][] = [
    ["awaiting_trigger", "auto-deploy is off for production", "v1.9.0"],
    ["paused", "paused by maria: checking the error rate", "v1.8.9"],
    ["rolled_back", "sandbox-1 failed verification: the browser did not start", "v1.8.5"],
    ["failed", "sandbox-2: no healthy answer within 60 s", "v1.8.4"],
    ["completed", "all 6 hosts updated", "v1.8.2"],
    ["superseded", "v1.8.2 came", "v1.8.1"],
    ["aborted", "aborted by jo", "v1.8.0"],
  ];
  return [
    midRollout(nowMs),
    ...past.map(([state, reason, tag], index) => pastDeploy(nowMs, index + 1, state, reason, tag)),
  ];
}

function midRollout(nowMs: number): DeployView {
  const ago = (ms: number) => new Date(nowMs - ms).toISOString();
  const base = bareDeploy(nowMs, 0, "in_progress", "v1.9.0");
  return {
    ...base,
    stateReason: "1 of 7 hosts updated, handing over sandbox-2",
    waitingOn: [
      "sandbox-2: task 4c1d0e7a on slot 0, running for 2 min 10 s, to end on generation 7",
      "sandbox-2: task 92f1c003 on slot 3, to end on generation 7",
    ],
    hostsUpdated: 1,
    hostsFailed: 1,
    hostsTotal: 7,
    startedAt: ago(312_000),
    configVersion: 4,
    progress: { ...base.progress, text: "1 of 7 hosts run v1.9.0, 3 on the way" },
    hosts: [
      host(0, "updated", {
        newGeneration: 8,
        reportedDigest: fixtureDigest(2),
        activeTaskCount: 2,
        startedAt: ago(310_000),
        endedAt: ago(232_000),
        message: "all new work runs on generation 8",
      }),
      host(1, "handing_over", {
        newGeneration: 8,
        reportedDigest: fixtureDigest(2),
        activeTaskCount: 4,
        startedAt: ago(230_000),
        message: "2 of 4 slots handed over; 2 busy ones follow as their tasks end",
      }),
      host(2, "verifying", {
        newGeneration: 8,
        reportedDigest: fixtureDigest(1),
        activeTaskCount: 2,
        startedAt: ago(12_000),
        message: "synthetic task running in the spare browser",
      }),
      host(3, "draining", {
        order: "stop-first",
        activeTaskCount: 1,
        startedAt: ago(40_000),
        message: "waits for 1 task; memory admits no second generation here",
      }),
      host(4, "failed", {
        activeTaskCount: null,
        startedAt: ago(94_000),
        endedAt: ago(30_000),
        message: "unreachable: no answer from the agent for 94 s",
      }),
      host(5, "pending", { activeTaskCount: 2 }),
      host(6, "skipped", { activeTaskCount: 0, message: "provisioning: it installs the new release by itself" }),
    ],
    decisions: [
      decision(nowMs, 1, 312_000, "webhook", "Deploy of v1.9.0 to staging created by run 8841", {}),
      decision(nowMs, 2, 311_000, "reconciler", "Pinned v1.9.0 at its digest", {
        digest: fixtureDigest(2),
        resolvedBy: "registry",
      }),
      decision(nowMs, 3, 310_000, "reconciler", "Start generation 8 on sandbox-1 beside generation 7", {
        epoch: 41,
        maxParallel: 1,
      }),
      decision(
        nowMs,
        4,
        270_000,
        "reconciler",
        "sandbox-1 verified: digest as asked, healthy for 5 s, synthetic task passed",
        { syntheticMs: 1840 },
      ),
      decision(nowMs, 5, 232_000, "reconciler", "sandbox-1 updated: all new work runs on generation 8", {}),
      decision(nowMs, 6, 60_000, "maria", "Paused: looking at the graphs", {}),
      decision(nowMs, 7, 44_000, "maria", "Resumed", {}),
    ],
    measures: { newWorkOnNewVersionMs: null, lastOldTaskEndedMs: null, tasksLost: 0, minCapacityPct: 100 },
  };
}

function pastDeploy(nowMs: number, number: number, state: DeployState, reason: string, tag: string): DeployView {
  const isWaiting = state === "awaiting_trigger";
  const step: HostStepState = state === "completed" ? "updated" : state === "rolled_back" ? "rolled_back" : "pending";
  const hosts = isWaiting
    ? []
    : [0, 1, 2, 3, 4, 5].map((index) =>
        host(index, state === "rolled_back" && index > 0 ? "skipped" : step, {
          newGeneration: step === "pending" ? null : 6 + number,
          endedAt: step === "pending" ? null : new Date(nowMs - number * 3_000_000).toISOString(),
        }),
      );
  const base = bareDeploy(nowMs, number, state, tag);
  return {
    ...base,
    progress: { ...base.progress, ...(isWaiting ? { phase: "waiting" as const } : {}), text: reason },
    environment: isWaiting ? "production" : "staging",
    stateReason: reason,
    waitingOn: isWaiting ? ["an operator to trigger it"] : [],
    hosts,
    hostsUpdated: step === "updated" ? 6 : 0,
    hostsFailed: state === "failed" ? 1 : 0,
    startedAt: isWaiting ? null : new Date(nowMs - number * 3_600_000).toISOString(),
    endedAt: isWaiting || state === "paused" ? null : new Date(nowMs - number * 3_600_000 + 412_000).toISOString(),
    measures:
      state === "completed"
        ? { newWorkOnNewVersionMs: 184_200, lastOldTaskEndedMs: 402_000, tasksLost: 0, minCapacityPct: 100 }
        : {
            newWorkOnNewVersionMs: null,
            lastOldTaskEndedMs: null,
            tasksLost: state === "failed" ? 1 : null,
            minCapacityPct: state === "failed" ? 87.5 : null,
          },
  };
}
