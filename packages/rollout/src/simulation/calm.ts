import { isTerminal, taskTransitions, type DeployActionName, type DeployState } from "@valet/shared";
import type { DeployDocument } from "../model.ts";
import { askOf, liftCordon } from "./deeds.ts";
import type { World } from "./world.ts";

const open: readonly DeployState[] = [
  "queued",
  "in_progress",
  "paused",
  "baking",
  "aborting",
  "rolling_back",
  "rollback_paused",
];
/** States that say themselves that they wait for a person. */
const waitsForPerson: readonly DeployState[] = ["awaiting_trigger", "awaiting_approval", "paused", "rollback_paused"];

/** In the calm a person does what deploys ask for, so that each comes to its end: pauses are resumed once, then aborted. */
export function tendCalm(world: World): void {
  for (const host of world.hosts.keys()) {
    if (world.tasks.sandboxes.get(host)?.cordons.some((one) => one.holderKind === "operator")) liftCordon(world, host);
  }
  for (const deploy of world.store.deploys.values()) {
    if (deploy.request !== null || world.nowMs < world.script.calmAtMs + 20_000) continue;
    const asks = world.calmAsks.get(deploy.id) ?? 0;
    const kind = askedInCalm(deploy, asks);
    if (kind === null) {
      if (deploy.state === "queued") world.calmAsks.set(deploy.id, asks + 1);
      continue;
    }
    world.calmAsks.set(deploy.id, asks + 1);
    askOf(world, deploy, kind);
  }
}

/** First on with it, then on in spite of its analysis, then no more of it. */
function askedInCalm({ state, waitingOn }: DeployDocument, asks: number): DeployActionName | null {
  // Nobody else can help it: a release that needs what is gone, or whose own way back needs what it takes away.
  if (state === "queued" && waitingOn.some((text) => /^migration/.test(text))) return asks < 4 ? null : "abort";
  if (state === "rollback_paused") return asks === 0 ? "resume" : "abort";
  if (state === "paused") return (["resume", "promote"] as const)[asks] ?? "abort";
  return state === "in_progress" && waitingOn.some((text) => /promote/.test(text)) ? "promote" : null;
}

/** Nothing is open any more. */
export function isQuiet(world: World): boolean {
  if (world.nowMs < world.script.calmAtMs + 5_000) return false;
  for (const deploy of world.store.deploys.values())
    if (open.includes(deploy.state) || deploy.request !== null) return false;
  for (const task of world.tasks.tasks.values()) {
    if (!isTerminal(taskTransitions, task.state) && task.state !== "needs_review") return false;
  }
  return true;
}

/** So long may a deploy stand without any host or state of it moving: longer than every deadline of a scenario. */
const standsStillMs = 200_000;

/** Nothing has moved for so long that nothing ever will. */
export function isStanding(world: World): boolean {
  return world.nowMs > world.script.calmAtMs + standsStillMs && world.nowMs - world.movedAtMs > standsStillMs;
}

/** What must be true once all has been calm for long enough. */
export function lookAtTheEnd(world: World): void {
  const deploys = [...world.store.deploys.values()];
  const held = deploys.some((one) => waitsForPerson.includes(one.state));
  for (const deploy of deploys) {
    if (!open.includes(deploy.state) || waitsForPerson.includes(deploy.state)) continue;
    if (deploy.state === "queued" && held) continue;
    const waits = deploy.waitingOn.join("; ");
    world.laws.broken(
      world,
      "noStuckDeploy",
      `deploy ${deploy.id} is still ${deploy.state} at the end, waiting for: ${waits}`,
    );
  }
  for (const [name, id] of world.taskIds) {
    const task = world.tasks.tasks.get(id);
    if (!task) world.laws.broken(world, "noTaskLost", `${name} is gone`);
    else if (!isTerminal(taskTransitions, task.state) && task.state !== "needs_review" && task.state !== "queued") {
      world.laws.broken(world, "noTaskLost", `${name} (${id}) is still ${task.state} at the end: ${task.stateReason}`);
    }
  }
}
