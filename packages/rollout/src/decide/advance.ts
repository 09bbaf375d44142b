import { assertNever } from "@valet/shared";
import type { HostStep } from "../model.ts";
import { isCordonedBy, isDrained, slotsOutside, type Observation, type SeenObservation } from "../observation.ts";
import { attest, pinDigest } from "./attest.ts";
import { answered, isCordonedAway, isLost, unreachableText } from "./answered.ts";
import { hostWaits, issue, moveHost, type Draft } from "./draft.ts";
import { drainDeadline } from "./drain.ts";
import { checkProgress, failHost, giveUpAbsent, noteProgress, notePhase } from "./progress.ts";
import { tendFailed, tendUpdated } from "./tend.ts";

/** One host, one tick forward. It never starts a pending host: which one comes next is the strategy's choice. */
export function advanceHost(draft: Draft, host: HostStep, observation: Observation | null): void {
  switch (host.step) {
    case "starting":
    case "replacing":
      awaitAgent(draft, host, observation);
      break;
    case "verifying":
      verify(draft, host, observation);
      break;
    case "handing_over":
      handOver(draft, host, observation);
      break;
    case "cordoned":
      if (!letGoAbsent(draft, host, observation)) beginDrain(draft, host, observation);
      return;
    case "draining":
      if (!letGoAbsent(draft, host, observation)) drain(draft, host, observation);
      return;
    case "updated":
      tendUpdated(draft, host, observation);
      return;
    case "failed":
      tendFailed(draft, host, observation);
      return;
    case "pending":
      // A fence or an undrain may still be on its way to it.
      answered(draft, host, observation);
      return;
    case "skipped":
    case "rolling_back":
    case "rolled_back":
      return;
    default:
      assertNever(host.step);
  }
  if (
    host.step === "starting" ||
    host.step === "replacing" ||
    host.step === "verifying" ||
    host.step === "handing_over"
  ) {
    checkProgress(draft, host);
  }
}

/**
 * An unreachable host is never drained. One that stays away past the progress deadline is let go, old release and all: it is
 * converged when it returns.
 */
function letGoAbsent(draft: Draft, host: HostStep, observation: Observation | null): boolean {
  if (!isCordonedAway(observation)) return false;
  if (observation && draft.now - observation.since <= draft.deploy.knobs.progressDeadlineMs) return false;
  moveHost(draft, host, "pending", unreachableText(observation));
  giveUpAbsent(draft, host, "skipped", unreachableText(observation));
  return true;
}

/** The cordon was written with the step; only once it stands may the host be told to drain, or new work would slip in. */
function beginDrain(draft: Draft, host: HostStep, observation: Observation | null): void {
  if (observation?.kind !== "seen") return hostWaits(draft, host, unreachableText(observation));
  if (!isCordonedBy(observation.facts, "deploy", draft.deploy.id)) {
    hostWaits(draft, host, "for its cordon to stand");
    return;
  }
  issue(draft, host, { kind: "drain" });
  host.engine.drainingSince = draft.now;
  moveHost(draft, host, "draining", "draining: takes no new work, its tasks go on");
}

function drain(draft: Draft, host: HostStep, observation: Observation | null): void {
  const answer = answered(draft, host, observation);
  if (answer.kind === "refused") return failHost(draft, host, answer.message);
  if (answer.kind === "waiting" || answer.kind === "none") return;
  const { seen } = answer;
  if (isDrained(seen)) {
    const { drainingSince } = host.engine;
    if (drainingSince !== null) host.engine.timings.drainMs = draft.now - drainingSince;
    issue(draft, host, { kind: "deploy" });
    moveHost(draft, host, "replacing", "drained; replacing the release");
    return;
  }
  if (host.engine.command?.kind === "fence") {
    issue(draft, host, { kind: "drain" });
    return;
  }
  const { openAttempts } = seen.facts;
  if (
    openAttempts.length === 0 &&
    isLost(draft, host) &&
    host.engine.command?.kind === "drain" &&
    seen.health.accepting
  ) {
    issue(draft, host, { kind: "drain" });
    return;
  }
  drainDeadline(draft, host, seen, openAttempts);
}

/** Waits for the on-host procedure. Accepted is not done: the host says which phase it is in, and we believe only that. */
function awaitAgent(draft: Draft, host: HostStep, observation: Observation | null): void {
  const seen = procedureOf(draft, host, observation);
  if (!seen) return;
  const current = seen.health.currentDeploy;
  if (current === null) return;
  switch (current.phase) {
    case "fetching":
    case "installing":
    case "draining":
    case "stopping":
    case "starting":
    case "rolling_back":
      hostWaits(draft, host, current.message);
      return;
    case "verifying":
    case "verified":
    case "serving":
      moveHost(draft, host, "verifying", current.message);
      return;
    case "failed":
    case "rolled_back":
    case "superseded":
      failHost(draft, host, current.message);
      return;
    default:
      assertNever(current.phase);
  }
}

function verify(draft: Draft, host: HostStep, observation: Observation | null): void {
  const seen = procedureOf(draft, host, observation);
  if (!seen) return;
  const current = seen.health.currentDeploy;
  if (current === null) return;
  if (current.phase === "failed" || current.phase === "rolled_back" || current.phase === "superseded") {
    failHost(draft, host, current.message);
    return;
  }
  if (current.phase !== "verified" && current.phase !== "serving") {
    hostWaits(draft, host, current.message);
    return;
  }
  const attestation = attest(draft, host, seen);
  if (attestation.kind === "wrong") return failHost(draft, host, attestation.message);
  if (attestation.kind === "waits") return hostWaits(draft, host, attestation.message);
  host.reportedDigest = draft.deploy.imageDigest;
  host.engine.target = host.newGeneration;
  if (host.order === "start-first") {
    moveHost(
      draft,
      host,
      "handing_over",
      `generation ${host.newGeneration} is verified; slots are handed to it as they fall free`,
    );
    return;
  }
  finishHandOver(draft, host, seen);
}

function handOver(draft: Draft, host: HostStep, observation: Observation | null): void {
  if (observation?.kind !== "seen") {
    answered(draft, host, observation);
    return;
  }
  const attestation = attest(draft, host, observation);
  if (attestation.kind === "wrong") return failHost(draft, host, attestation.message);
  if (attestation.kind === "waits") return hostWaits(draft, host, attestation.message);
  finishHandOver(draft, host, observation);
}

/** Updated means: all NEW work of this sandbox runs on the new generation. Tasks that run on the old one go on there. */
function finishHandOver(draft: Draft, host: HostStep, seen: SeenObservation): void {
  const target = host.newGeneration;
  if (target === null) return;
  const left = slotsOutside(seen.facts, target);
  if (host.engine.slotsLeft === null || left < host.engine.slotsLeft) {
    host.engine.slotsLeft = left;
    noteProgress(draft, host);
  }
  if (left > 0 || seen.facts.targetGeneration !== target) {
    hostWaits(draft, host, `for ${left} of ${seen.facts.slots.length} slots to be handed to generation ${target}`);
    return;
  }
  const { command } = host.engine;
  if (command?.kind === "deploy") host.engine.timings.changeMs = draft.now - command.issuedAt;
  issue(draft, host, { kind: "settle", generation: target });
  host.engine.drainingSince = draft.now;
  moveHost(draft, host, "updated", `all new work runs on generation ${target}`);
}

/** The host's answer to OUR deploy command, once it shows one; fails the host on a refusal, gives a lost command anew. */
function procedureOf(draft: Draft, host: HostStep, observation: Observation | null): SeenObservation | null {
  const answer = answered(draft, host, observation);
  if (answer.kind === "refused") {
    failHost(draft, host, answer.message);
    return null;
  }
  if (answer.kind !== "taken") return null;
  const { seen } = answer;
  const current = seen.health.currentDeploy;
  if (current === null || current.epoch !== host.engine.command?.epoch) {
    hostWaits(draft, host, current ? `behind another procedure there: ${current.message}` : "for the agent to begin");
    const isIdle = current === null || current.endedAt !== null;
    if (isIdle && isLost(draft, host)) issue(draft, host, { kind: "deploy" });
    return null;
  }
  notePhase(draft, host, current);
  const pin = pinDigest(draft, host, current);
  if (pin.kind === "wrong") {
    failHost(draft, host, pin.message);
    return null;
  }
  return seen;
}
