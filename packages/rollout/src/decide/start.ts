import { supersedes } from "../policy.ts";
import { freshCourse, freshHostEngine, type HostStep } from "../model.ts";
import type { Observation } from "../observation.ts";
import { isAway, unreachableText } from "./answered.ts";
import { moveDeploy, say, waitFor, type Draft } from "./draft.ts";
import { isFrozen } from "./frozen.ts";
import { whyImpossible } from "./impossible.ts";
import { migrationBlockers } from "./migrations.ts";
import { whySkipsSteps } from "./wake.ts";

/** A queued deploy waits its turn, gives way to a newer one where deploys supersede, or starts. */
export function startOrWait(draft: Draft): void {
  const { deploy, facts } = draft;
  if (supersedes(deploy.environment)) {
    if (facts.newerQueuedId !== null) {
      moveDeploy(draft, "superseded", `deploy ${facts.newerQueuedId} is newer`, { by: facts.newerQueuedId });
      return;
    }
  } else if (facts.olderQueuedId !== null) {
    return waitFor(draft, `deploy ${facts.olderQueuedId}, which was queued before`);
  }
  if (facts.activeDeployId !== null) return waitFor(draft, `deploy ${facts.activeDeployId} to end or give way`);
  if (isFrozen(draft) || waitsForMigrations(draft)) return;
  start(draft);
}

/** A migration that takes something away waits for whoever still needs it, and so does the release that brings it. */
function waitsForMigrations(draft: Draft): boolean {
  const blockers = migrationBlockers(draft);
  for (const who of blockers) waitFor(draft, who);
  return blockers.length > 0;
}

function start(draft: Draft): void {
  const { deploy, facts } = draft;
  const hosts = planHosts(draft);
  const impossible = whyImpossible(deploy, hosts);
  if (impossible !== null) return moveDeploy(draft, "failed", `nothing was changed: ${impossible}`);
  deploy.previousTag = facts.lastCompleted?.tag ?? null;
  deploy.previousDigest = facts.lastCompleted?.digest ?? null;
  begin(draft, hosts);
  moveDeploy(draft, "in_progress", `${deploy.imageTag} to ${deploy.hosts.length} sandboxes of ${deploy.environment}`, {
    previousDigest: deploy.previousDigest,
    hosts: deploy.hosts.map((host) => host.name),
  });
}

/** Takes up the plan: from here on the deploy has hosts. */
export function begin(draft: Draft, hosts: HostStep[]): void {
  const { deploy } = draft;
  for (const { name, sandboxId, reason } of hosts.filter((host) => host.step === "skipped")) {
    say(draft, `${name}: skipped, ${reason}; it is converged when it returns`, { sandboxId });
  }
  deploy.hosts = hosts;
  deploy.startedAt = draft.now;
  deploy.engine = { kind: "rolling", failing: null };
  const skipsSteps = whySkipsSteps(deploy, observationsOf(draft, hosts));
  Object.assign(deploy.course, freshCourse(), { skipsSteps });
  if (skipsSteps !== null) say(draft, `goes everywhere at once: ${skipsSteps}`);
}

function observationsOf({ sandboxes }: Draft, hosts: readonly HostStep[]): readonly Observation[] {
  if (hosts.length === sandboxes.length) return sandboxes;
  const planned = new Set(hosts.map((host) => host.sandboxId));
  return sandboxes.filter((one) => planned.has(one.facts.sandboxId));
}

export function planHosts(draft: Draft): HostStep[] {
  const { sandboxIds } = draft.deploy;
  const named = sandboxIds && new Set(sandboxIds);
  const hosts: HostStep[] = [];
  for (const one of draft.sandboxes) {
    const { state, sandboxId } = one.facts;
    if (state === "terminating" || state === "terminated") continue;
    if (named === null || named.has(sandboxId)) hosts.push(hostOf(draft, one));
  }
  return hosts;
}

/** Hosts that nobody can reach at the start are skipped, with the reason; they are converged when they return. */
function hostOf(draft: Draft, observation: Observation): HostStep {
  const { facts } = observation;
  const { order, mayOverlap } = draft.deploy.knobs;
  const away = facts.state === "stopped" ? "stopped" : isAway(draft, observation) ? unreachableText(observation) : null;
  const engine = freshHostEngine();
  engine.absent = away !== null;
  return {
    sandboxId: facts.sandboxId,
    name: facts.name,
    step: away === null ? "pending" : "skipped",
    order: mayOverlap ? order : "stop-first",
    reason: away ?? "waits its turn",
    oldGeneration: facts.targetGeneration,
    newGeneration: null,
    reportedDigest: null,
    startedAt: null,
    endedAt: away === null ? null : draft.now,
    engine,
  };
}
