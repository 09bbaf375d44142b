import type { DeployView } from "@valet/contracts";
import { fixtureAnalysis, fixtureLooks, lookDecision } from "./fixture-analysis.ts";
import { canaryKnobs, decision, deployHost, startedDeploy } from "./fixture-deploy-parts.ts";
import { awaitsApproval, frozen, switchWaits, thousandHosts } from "./fixture-waiting-scenes.ts";
import { fixtureDigest, fixtureId } from "./seeded-random.ts";

export const sceneNames = [
  "canaryBaking",
  "canaryFailed",
  "switchWaits",
  "inconclusive",
  "awaitsApproval",
  "ownApproval",
  "frozen",
  "thousandHosts",
  "canaryAsksPerson",
  "analysisError",
] as const;
export type SceneName = (typeof sceneNames)[number];

/** Where a scene's deploy is found. They are in no list: the fleet of the other fixtures runs but one deploy. */
export function sceneId(name: SceneName): string {
  return fixtureId(3, 100 + sceneNames.indexOf(name));
}

/** One deploy for each thing that a strategy can make people look at. */
export function fixtureScenes(nowMs: number): DeployView[] {
  const made: Record<SceneName, DeployView> = {
    canaryBaking: canaryBaking(nowMs),
    canaryFailed: canaryFailed(nowMs),
    switchWaits: switchWaits(nowMs),
    inconclusive: inconclusive(nowMs),
    awaitsApproval: awaitsApproval(nowMs, "operator:acme/jo"),
    ownApproval: awaitsApproval(nowMs, "admin:acme/maria"),
    frozen: frozen(nowMs),
    thousandHosts: thousandHosts(nowMs),
    canaryAsksPerson: canaryAsksPerson(nowMs),
    analysisError: analysisError(nowMs),
  };
  return sceneNames.map((name) => ({ ...made[name], id: sceneId(name) }));
}

function canaryHosts(nowMs: number, atCap: number, slots: string): DeployView["hosts"] {
  return Array.from({ length: 8 }, (_, number) =>
    number < atCap
      ? deployHost(number, "handing_over", {
          newGeneration: 8,
          reportedDigest: fixtureDigest(4),
          activeTaskCount: 4,
          startedAt: new Date(nowMs - 900_000).toISOString(),
          message: `holds at ${slots} slots: canary step 2 of 3`,
        })
      : deployHost(number, "pending", { activeTaskCount: 3, message: "waits for its canary step" }),
  );
}

function canaryBaking(nowMs: number): DeployView {
  const ends = new Date(nowMs + 372_000).toISOString();
  return {
    ...startedDeploy(nowMs, "v2.0.0", canaryKnobs),
    stateReason: "triggered by jo",
    waitingOn: [
      `canary step 2 of 3 to bake until ${ends}`,
      "the analysis: look 3 of 3: 14 of 20 tasks have ended in each arm",
    ],
    progress: {
      phase: "canary",
      text: `canary step 2 of 3: 2 hosts, 50 % of their tasks, baking until ${ends}`,
      step: 2,
      stepsTotal: 3,
      bakeEndsAt: ends,
      awaitsPromotion: false,
    },
    analysis: fixtureAnalysis(nowMs, "going_on"),
    hosts: canaryHosts(nowMs, 2, "2 of 4"),
    decisions: [
      decision(nowMs, 1, 940_000, "operator:acme/jo", "queued -> in_progress: triggered by jo", {}),
      decision(nowMs, 2, 900_000, "reconciler", "canary step 1 of 3: 1 host, 25 % of its tasks; bakes for 600000 ms", {
        step: 1,
        hosts: 1,
      }),
      ...fixtureLooks(nowMs, ["going_on", "going_on"]).map((look, index) => lookDecision(nowMs, 4 + index, look)),
      decision(
        nowMs,
        3,
        528_000,
        "reconciler",
        "canary step 2 of 3: 2 hosts, 50 % of their tasks; bakes for 900000 ms",
        {
          step: 2,
          hosts: 2,
        },
      ),
    ],
  };
}

function canaryFailed(nowMs: number): DeployView {
  const analysis = fixtureAnalysis(nowMs, "failed");
  const back = (number: number, isBack: boolean) =>
    deployHost(number, isBack ? "rolled_back" : "rolling_back", {
      newGeneration: 8,
      reportedDigest: isBack ? fixtureDigest(1) : fixtureDigest(4),
      activeTaskCount: 4,
      startedAt: new Date(nowMs - 900_000).toISOString(),
      message: isBack ? "all new work runs on generation 7 again" : "for 1 of 4 slots to go back to generation 7",
    });
  const base = startedDeploy(nowMs, "v2.0.1", canaryKnobs);
  return {
    ...base,
    state: "rolling_back",
    stateReason: `the canary failed its analysis: ${analysis.reason}`,
    waitingOn: ["sandbox-2 to be back on v1.8.2"],
    progress: {
      ...base.progress,
      phase: "going_back",
      text: "waits for sandbox-2 to be back on v1.8.2",
      stepsTotal: 3,
    },
    analysis,
    hosts: [
      back(0, true),
      back(1, false),
      ...canaryHosts(nowMs, 0, "")
        .slice(2)
        .map((host) => ({ ...host, step: "skipped" as const, message: "the deploy was rolled back before its turn" })),
    ],
    decisions: [
      ...fixtureLooks(nowMs, ["going_on", "failed"]).map((look, index) => lookDecision(nowMs, 3 + index, look)),
      decision(nowMs, 5, 30_000, "reconciler", `in_progress -> rolling_back: ${analysis.reason}`, {}),
    ],
  };
}

function inconclusive(nowMs: number): DeployView {
  const analysis = fixtureAnalysis(nowMs, "inconclusive");
  const base = startedDeploy(nowMs, "v2.0.2", canaryKnobs);
  return {
    ...base,
    state: "paused",
    stateReason: `the analysis is inconclusive: ${analysis.reason}`,
    waitingOn: [],
    progress: {
      ...base.progress,
      phase: "canary",
      text: `paused: the analysis is inconclusive: ${analysis.reason}`,
      step: 3,
      stepsTotal: 3,
      awaitsPromotion: true,
    },
    analysis,
    hosts: canaryHosts(nowMs, 4, "4 of 4"),
    decisions: fixtureLooks(nowMs, ["going_on", "inconclusive"]).map((look, index) =>
      lookDecision(nowMs, 3 + index, look),
    ),
  };
}

function analysisError(nowMs: number): DeployView {
  const analysis = fixtureAnalysis(nowMs, "error");
  const base = inconclusive(nowMs);
  return {
    ...base,
    imageTag: "v2.0.3",
    stateReason: `the analysis is error: ${analysis.reason}`,
    progress: { ...base.progress, text: `paused: the analysis is error: ${analysis.reason}` },
    analysis,
    decisions: [lookDecision(nowMs, 3, analysis)],
  };
}

function canaryAsksPerson(nowMs: number): DeployView {
  const base = startedDeploy(nowMs, "v2.0.4", { ...canaryKnobs, autoPromote: false, analyse: false });
  return {
    ...base,
    waitingOn: ["somebody to promote canary step 1 of 3"],
    progress: {
      ...base.progress,
      phase: "canary",
      text: "canary step 1 of 3: 1 host, 25 % of its tasks, waits for promotion",
      step: 1,
      stepsTotal: 3,
      bakeEndsAt: new Date(nowMs - 40_000).toISOString(),
      awaitsPromotion: true,
    },
    hosts: canaryHosts(nowMs, 1, "1 of 4"),
  };
}
