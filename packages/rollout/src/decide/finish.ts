import { supersedes } from "../policy.ts";
import { hasTaken } from "../observation.ts";
import { advanceHost } from "./advance.ts";
import { advanceHosts } from "./at-rest.ts";
import { isCordonedAway } from "./answered.ts";
import { canaryStep } from "./canary.ts";
import { moveDeploy, moveHost, observationOf, ownAll, waitFor, waitForHost, type Draft } from "./draft.ts";
import { reactToFailures, settlesFirst } from "./failures.ts";
import { isInFlight } from "./hosts.ts";
import { olderServing } from "./tend.ts";

/** Ends a deploy in progress once no host is left to do: into baking, or failed. */
export function finishRolling(draft: Draft): void {
  const { deploy } = draft;
  if (deploy.engine.kind === "rolling" && deploy.engine.failing !== null) {
    if (settlesFirst(draft) || waitsForAnswers(draft)) return;
    skipPending(draft, "the deploy failed before its turn");
    moveDeploy(draft, "failed", deploy.engine.failing);
    return;
  }
  if (deploy.hosts.some((host) => isInFlight(host) || host.step === "pending" || host.step === "rolling_back")) return;
  if (canaryStep(deploy) !== null && deploy.hosts.some((host) => host.step === "updated")) return;
  const updated = deploy.hosts.filter((host) => host.step === "updated");
  const failed = deploy.hosts.filter((host) => host.step === "failed");
  const first = failed[0];
  if (first) {
    if (waitsForAnswers(draft)) return;
    const text = `${failed.length} of ${deploy.hosts.length} hosts failed; ${first.name}: ${first.reason}`;
    moveDeploy(draft, "failed", text, { failed: failed.map((host) => host.name) });
    return;
  }
  if (updated.length === 0) {
    const why = deploy.hosts.map((host) => `${host.name}: ${host.reason}`).join("; ");
    moveDeploy(
      draft,
      "failed",
      `no host was updated${why === "" ? `: ${deploy.environment} has no sandbox` : ` (${why})`}`,
    );
    return;
  }
  moveDeploy(draft, "baking", `all new work of ${updated.length} hosts runs ${deploy.imageTag}`);
  deploy.course.promoted = false;
  deploy.engine = { kind: "baking", since: draft.now };
}

/** Completed: the new release stayed sound for minHealthyMs everywhere, every host settled, and the last old task has ended. */
export function bake(draft: Draft): void {
  const { deploy, facts } = draft;
  advanceHosts(draft, advanceHost);
  if (deploy.state !== "baking") return;
  if (supersedes(deploy.environment) && facts.newerQueuedId !== null) {
    moveDeploy(draft, "superseded", `deploy ${facts.newerQueuedId} is newer and took over`, {
      by: facts.newerQueuedId,
    });
    return;
  }
  reactToFailures(draft);
  if (deploy.state !== "baking") return;
  const failed = deploy.hosts.find((host) => host.step === "failed");
  if (failed) {
    if (!waitsForAnswers(draft)) moveDeploy(draft, "failed", `${failed.name}: ${failed.reason}`);
    return;
  }
  if (waitsForAnswers(draft) || waitsForOldTasks(draft)) return;
  const since = deploy.engine.kind === "baking" ? deploy.engine.since : draft.now;
  if (draft.now - since < deploy.knobs.minHealthyMs && !deploy.course.promoted) {
    return waitFor(draft, `the new release to stay healthy for ${deploy.knobs.minHealthyMs} ms everywhere`);
  }
  moveDeploy(
    draft,
    "completed",
    `${deploy.imageTag} runs on ${deploy.hosts.filter((host) => host.step === "updated").length} hosts`,
  );
}

export function skipPending(draft: Draft, reason: string): void {
  for (const host of ownAll(draft)) {
    if (host.step === "pending") moveHost(draft, host, "skipped", reason);
  }
}

/** A deploy does not end before each host has taken its last command, or is cordoned unreachable and will be converged. */
export function waitsForAnswers(draft: Draft): boolean {
  let isWaiting = false;
  for (const host of draft.deploy.hosts) {
    const { command } = host.engine;
    const observation = observationOf(draft, host);
    if (command === null || host.engine.absent || isCordonedAway(observation)) continue;
    if (observation?.kind === "seen" && hasTaken(observation, command.epoch)) continue;
    waitForHost(draft, host, `to take the ${command.kind} command`);
    isWaiting = true;
  }
  return isWaiting;
}

function waitsForOldTasks(draft: Draft): boolean {
  let isWaiting = false;
  for (const host of draft.deploy.hosts) {
    if (host.step !== "updated") continue;
    const observation = observationOf(draft, host);
    const old = observation?.facts.openAttempts.filter((attempt) => attempt.generation !== host.newGeneration) ?? [];
    if (old.length > 0) waitForHost(draft, host, `${old.length} tasks on the old release`);
    const unsettled = observation?.kind === "seen" ? olderServing(host, observation) : null;
    if (old.length > 0 || unsettled !== null) isWaiting = true;
  }
  return isWaiting;
}
