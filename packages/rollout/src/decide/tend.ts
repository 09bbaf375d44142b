import type { HostStep } from "../model.ts";
import { servingGeneration, type Observation, type SeenObservation } from "../observation.ts";
import { attest } from "./attest.ts";
import { answered, isLost } from "./answered.ts";
import { waitForHost, issue, type Draft } from "./draft.ts";
import { drainDeadline } from "./drain.ts";
import { failHost } from "./progress.ts";

/** A generation that was restarted this often is crash-looping. */
export const crashLoopRestarts = 3;

/**
 * After a host is updated, until its deploy is over: the new generation must stay sound, the old one is settled (drained,
 * then kept warm), and its last tasks end.
 */
export function tendUpdated(draft: Draft, host: HostStep, observation: Observation | null): void {
  const reason = host.reason;
  const answer = answered(draft, host, observation);
  host.reason = reason;
  if (observation?.kind !== "seen") return;
  if (!checkSound(draft, host, observation)) return;
  const old = observation.facts.openAttempts.filter((attempt) => attempt.generation !== host.newGeneration);
  if (answer.kind === "taken") {
    settleAgain(draft, host, observation);
    if (old.length > 0) drainDeadline(draft, host, observation, old);
  }
}

/** False when the host was failed: the new release became unhealthy after it had passed. */
export function checkSound(draft: Draft, host: HostStep, seen: SeenObservation): boolean {
  const attestation = attest(draft, host, seen);
  if (attestation.kind === "wrong") {
    failHost(draft, host, attestation.message);
    return false;
  }
  const generation = seen.health.generations.find((one) => one.generation === host.newGeneration);
  if (generation && generation.restarts >= crashLoopRestarts) {
    failHost(
      draft,
      host,
      `generation ${generation.generation} was restarted ${generation.restarts} times: it is crash-looping`,
    );
    return false;
  }
  if (attestation.kind === "sound") {
    host.engine.unhealthySince = null;
    return true;
  }
  host.engine.unhealthySince ??= draft.now;
  waitForHost(draft, host, attestation.message);
  if (draft.now - host.engine.unhealthySince <= draft.deploy.knobs.healthyDeadlineMs) return true;
  failHost(
    draft,
    host,
    `unhealthy after it was ${host.step === "verifying" ? "verified" : "updated"}: still waiting ${attestation.message}`,
  );
  return false;
}

/** Older generations that still serve although the settle command was taken: the agent lost it, so it is given anew. */
function settleAgain(draft: Draft, host: HostStep, seen: SeenObservation): void {
  const { command } = host.engine;
  if (command?.kind !== "settle") return;
  const unsettled = olderServing(host, seen);
  if (!unsettled) return;
  waitForHost(draft, host, `generation ${unsettled} to drain`);
  if (isLost(draft, host)) issue(draft, host, { kind: "settle", generation: command.generation });
}

export function olderServing(host: HostStep, seen: SeenObservation): number | null {
  const { newGeneration } = host;
  if (newGeneration === null) return null;
  for (const { state, generation } of seen.health.generations) {
    if (state === "serving" && generation < newGeneration) return generation;
  }
  return null;
}

/**
 * A failed host of a deploy that goes on or pauses is put back on the last completed release, so that it can work
 * meanwhile. Its failure and the host's own words stay.
 */
export function tendFailed(draft: Draft, host: HostStep, observation: Observation | null): void {
  const { previousDigest, imageDigest } = draft.deploy;
  if (host.engine.absent || !host.engine.failureHandled || observation?.kind !== "seen") return;
  if (previousDigest === null || previousDigest === imageDigest) return;
  const sound = servingGeneration(observation, previousDigest);
  if (sound) {
    host.engine.target = sound.generation;
    host.engine.targetSlots = null;
    if (host.engine.command?.kind !== "rollback" && !servesNew(draft, observation)) return;
  }
  const { command } = host.engine;
  const isBack = command?.kind === "rollback";
  const isTaken = command !== null && observation.health.epoch >= command.epoch;
  if (!isBack || (isTaken && !sound && isLost(draft, host) && observation.health.currentDeploy?.endedAt !== null)) {
    issue(draft, host, { kind: "rollback", digest: previousDigest });
  }
}

function servesNew(draft: Draft, seen: SeenObservation): boolean {
  return seen.health.generations.some(
    (one) => one.desiredDigest === draft.deploy.imageDigest && (one.state === "serving" || one.state === "starting"),
  );
}
