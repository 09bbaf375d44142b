import { assertNever } from "@valet/shared";
import type { HostStep } from "../model.ts";
import { isCordonedBy, isDrained, servingGeneration, type Observation, type SeenObservation } from "../observation.ts";
import { attest, pinDigest } from "./attest.ts";
import { answered, isCordonedAway, isLost, unreachableText } from "./answered.ts";
import { waitsForSwitch } from "./blue-green.ts";
import { hold, hostWaits, issue, moveHost, unhold, type Draft } from "./draft.ts";
import { drainDeadline } from "./drain.ts";
import { finishHandOver, handOver } from "./hand-over.ts";
import { checkProgress, failHost, giveUpAbsent, notePhase, noteTimings } from "./progress.ts";
import { checkSound, tendFailed, tendUpdated } from "./tend.ts";
import { isWoken, startCommand } from "./wake.ts";

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
  if (host.engine.holds) return;
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
    if (drainingSince !== null) noteTimings(host, { drainMs: draft.now - drainingSince });
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
    case "rolled_back":
      if (isWoken(host)) moveHost(draft, host, "verifying", current.message);
      else failHost(draft, host, current.message);
      return;
    case "failed":
    case "superseded":
      failHost(draft, host, current.message);
      return;
    default:
      assertNever(current.phase);
  }
}

function verify(draft: Draft, host: HostStep, observation: Observation | null): void {
  const seen = procedureOf(draft, host, observation);
  if (!seen) return unhold(draft, host);
  const current = seen.health.currentDeploy;
  if (current === null) return;
  const hasArrived = current.phase === "verified" || current.phase === "serving";
  if (!hasArrived && !(current.phase === "rolled_back" && isWoken(host))) {
    const isOver = current.phase === "failed" || current.phase === "rolled_back" || current.phase === "superseded";
    if (isOver) failHost(draft, host, current.message);
    else hostWaits(draft, host, current.message);
    return;
  }
  if (host.engine.holds) {
    checkSound(draft, host, seen);
    if (host.step !== "verifying" || waitsForSwitch(draft.deploy, host)) return;
  }
  const attestation = attest(draft, host, seen);
  if (attestation.kind === "wrong") return failHost(draft, host, attestation.message);
  if (attestation.kind === "waits") return hostWaits(draft, host, attestation.message);
  host.reportedDigest = draft.deploy.imageDigest;
  if (waitsForSwitch(draft.deploy, host)) {
    return hold(draft, host, `generation ${host.newGeneration} is verified, waits for the switch`);
  }
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
    if (isIdle && isLost(draft, host)) issue(draft, host, startCommand(draft, host));
    return null;
  }
  notePhase(draft, host, current);
  if (isWoken(host)) host.newGeneration ??= wokenGeneration(draft, seen);
  const pin = pinDigest(draft, host, current);
  if (pin.kind === "wrong") {
    failHost(draft, host, pin.message);
    return null;
  }
  return seen;
}

/** A host that woke a generation need not say which: it is the one that serves the release. */
function wokenGeneration({ deploy }: Draft, seen: SeenObservation): number | null {
  return deploy.imageDigest === null ? null : (servingGeneration(seen, deploy.imageDigest)?.generation ?? null);
}
