import { supersedes } from "../policy.ts";
import { freshHostEngine, type HostStep } from "../model.ts";
import type { Observation } from "../observation.ts";
import { isAway, unreachableText } from "./answered.ts";
import { moveDeploy, say, waitFor, type Draft } from "./draft.ts";

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
  start(draft);
}

function start(draft: Draft): void {
  const { deploy, facts } = draft;
  deploy.previousTag = facts.lastCompleted?.tag ?? null;
  deploy.previousDigest = facts.lastCompleted?.digest ?? null;
  deploy.startedAt = draft.now;
  deploy.hosts = draft.sandboxes.filter((one) => isIncluded(draft, one)).map((one) => hostOf(draft, one));
  moveDeploy(draft, "in_progress", `${deploy.imageTag} to ${deploy.hosts.length} sandboxes of ${deploy.environment}`, {
    previousDigest: deploy.previousDigest,
    hosts: deploy.hosts.map((host) => host.name),
  });
  deploy.engine = { kind: "rolling", failing: null };
}

function isIncluded(draft: Draft, { facts }: Observation): boolean {
  if (facts.state === "terminating" || facts.state === "terminated") return false;
  return draft.deploy.sandboxIds === null || draft.deploy.sandboxIds.includes(facts.sandboxId);
}

/** Hosts that nobody can reach at the start are skipped, with the reason; they are converged when they return. */
function hostOf(draft: Draft, observation: Observation): HostStep {
  const { facts } = observation;
  const away = facts.state === "stopped" ? "stopped" : isAway(draft, observation) ? unreachableText(observation) : null;
  if (away !== null) {
    say(draft, `${facts.name}: skipped, ${away}; it is converged when it returns`, { sandboxId: facts.sandboxId });
  }
  return {
    sandboxId: facts.sandboxId,
    name: facts.name,
    step: away === null ? "pending" : "skipped",
    order: draft.deploy.knobs.order,
    reason: away ?? "waits its turn",
    oldGeneration: facts.targetGeneration,
    newGeneration: null,
    reportedDigest: null,
    startedAt: null,
    endedAt: away === null ? null : draft.now,
    engine: { ...freshHostEngine(), absent: away !== null },
  };
}
