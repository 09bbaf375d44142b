import { defaultKnobs, type RolloutKnobs } from "@valet/shared";
import { defaultAnalysisConfig, type AnalysisConfig } from "../analysis/model.ts";
import type { DeployDocument } from "../model.ts";
import { freshDeploy } from "../testing/world.ts";
import type { World } from "./world.ts";

/** Adds a deploy as the API does. */
export function addDeploy(world: World, tag: string, knobs: RolloutKnobs, more: Partial<DeployDocument> = {}): string {
  const id = `d${world.store.deploys.size}`;
  world.store.add(freshDeploy(id, tag, world.script.environment, knobs, more));
  world.tell("api", `deploy ${id} of ${tag}: ${knobs.strategy}, ${knobs.order}, ${more.state ?? "queued"}`);
  return id;
}

/** The newest deploy that completed on the whole environment. */
export function lastCompleted(world: World): DeployDocument | undefined {
  return [...world.store.deploys.values()]
    .filter(
      (one) =>
        one.service === "ghosthands" &&
        one.state === "completed" &&
        one.sandboxIds === null &&
        one.imageDigest !== null,
    )
    .sort((a, b) => (b.endedAt ?? 0) - (a.endedAt ?? 0))[0];
}

const isOpen = (deploy: DeployDocument): boolean =>
  ["queued", "in_progress", "paused", "baking", "aborting", "rolling_back", "rollback_paused"].includes(deploy.state);

/** How long a host that was just converged, in vain or not, is left before the next try. */
const againAfterMs = 60_000;

/** One deploy of the last completed release for hosts that came back on another one (apps/worker converge.ts). */
export function queueConverge(world: World, hosts: readonly string[]): void {
  const all = [...world.store.deploys.values()];
  const last = lastCompleted(world);
  if (!last || all.some((one) => isOpen(one) && one.service === "ghosthands")) return;
  const due = hosts.filter(
    (name) => world.nowMs - (world.convergedAtMs.get(name) ?? Number.NEGATIVE_INFINITY) >= againAfterMs,
  );
  if (due.length === 0) return;
  for (const name of due) world.convergedAtMs.set(name, world.nowMs);
  const knobs = { ...defaultKnobs(), ...simTimes, maxParallel: due.length };
  addDeploy(world, last.imageTag, knobs, {
    imageDigest: last.imageDigest,
    sandboxIds: due,
    createdBy: "control worker",
  });
}

/** Times that fit a story of minutes. */
export const simTimes = {
  minHealthyMs: 1_000,
  healthyDeadlineMs: 15_000,
  progressDeadlineMs: 60_000,
  drainTimeoutMs: 20_000,
  rollbackWindowMs: 60_000,
} as const;

/** Few tasks and short windows, for the same reason. */
export const simAnalysis: AnalysisConfig = {
  ...defaultAnalysisConfig,
  looks: [
    { tasksPerArm: 3, share: 0.4 },
    { tasksPerArm: 6, share: 0.6 },
  ],
  minSample: 3,
  windowMs: 20_000,
  maxWaitMs: 40_000,
};
