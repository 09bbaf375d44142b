import type { DeployView } from "@valet/contracts";
import { defaultKnobs } from "@valet/shared";
import { canaryKnobs, deployHost, startedDeploy } from "./fixture-deploy-parts.ts";
import { fixtureDigest } from "./seeded-random.ts";

export function switchWaits(nowMs: number): DeployView {
  const base = startedDeploy(nowMs, "v2.1.0", { ...defaultKnobs(), strategy: "blue-green", autoPromote: false });
  return {
    ...base,
    stateReason: "triggered by jo",
    waitingOn: ["somebody to promote: every host is verified and waits for the switch"],
    progress: {
      ...base.progress,
      phase: "switching",
      text: "every host is verified, waits for the switch",
      awaitsPromotion: true,
    },
    hosts: Array.from({ length: 8 }, (_, number) =>
      deployHost(number, "verifying", {
        newGeneration: 8,
        reportedDigest: fixtureDigest(4),
        activeTaskCount: 3,
        startedAt: new Date(nowMs - 400_000).toISOString(),
        message: "generation 8 is verified, waits for the switch",
      }),
    ),
  };
}

export function awaitsApproval(nowMs: number, createdBy: string): DeployView {
  const base = startedDeploy(nowMs, "v2.2.0", canaryKnobs);
  return {
    ...base,
    environment: "production",
    state: "awaiting_approval",
    stateReason: "production needs 2 approvals",
    startedAt: null,
    createdBy,
    waitingOn: [`approval by a person other than ${createdBy}: 1 of 2`],
    progress: {
      ...base.progress,
      phase: "waiting",
      text: `waits for approval by a person other than ${createdBy}: 1 of 2`,
    },
    approvals: {
      required: 2,
      given: [{ actor: "operator:acme/ines", at: new Date(nowMs - 240_000).toISOString(), reason: "seen on staging" }],
    },
    warnings: ["canary step 1 reaches 1 of 3 hosts: a third of the fleet"],
    hostsTotal: 0,
    measures: { newWorkOnNewVersionMs: null, lastOldTaskEndedMs: null, tasksLost: null, minCapacityPct: null },
  };
}

export function frozen(nowMs: number): DeployView {
  const until = new Date(nowMs + 7_500_000).toISOString();
  const base = awaitsApproval(nowMs, "operator:acme/jo");
  return {
    ...base,
    state: "queued",
    stateReason: "approved by ines and maria",
    waitingOn: [`the end of the freeze "weekend" (${until})`],
    progress: { ...base.progress, text: `waits for the end of the freeze "weekend" (${until})` },
    freeze: { name: "weekend", until, pauses: false },
    approvals: {
      required: 2,
      given: [
        ...base.approvals.given,
        { actor: "admin:acme/maria", at: new Date(nowMs - 60_000).toISOString(), reason: "" },
      ],
    },
    warnings: [],
  };
}

export function thousandHosts(nowMs: number): DeployView {
  const base = startedDeploy(nowMs, "v2.3.0", { ...defaultKnobs(), maxParallel: "5%" });
  return {
    ...base,
    hostsTotal: 1000,
    hostsUpdated: 420,
    hostsFailed: 2,
    progress: { ...base.progress, text: "420 of 1000 hosts run v2.3.0, 50 on the way" },
    waitingOn: [
      "sandbox-425: 2 of 4 slots to be handed to generation 8",
      "49 more hosts: … of … slots to be handed to generation …",
    ],
    hosts: Array.from({ length: 1000 }, (_, number) =>
      number < 420
        ? deployHost(number, "updated", { newGeneration: 8, reportedDigest: fixtureDigest(4), activeTaskCount: 2 })
        : number < 422
          ? deployHost(number, "failed", { message: "no healthy answer within 60 s" })
          : number < 472
            ? deployHost(number, "handing_over", { newGeneration: 8, message: "2 of 4 slots handed over" })
            : deployHost(number, "pending", {}),
    ),
  };
}
