import { hostsOf } from "@valet/shared";
import type { DeployDocument, HostStep } from "../model.ts";
import { servingGeneration, slotsOutside, type Observation, type SeenObservation } from "../observation.ts";
import { takenAwayFrom } from "../contract-migration.ts";
import { answered, isCordonedAway, isLost } from "./answered.ts";
import {
  hostWaits,
  issue,
  moveDeploy,
  moveHost,
  observationOf,
  own,
  ownAll,
  say,
  waitFor,
  type Draft,
} from "./draft.ts";
import { namesOf } from "./hosts.ts";
import { outOfService } from "./out-of-service.ts";
import { checkProgress, failHost, giveUpAbsent, notePhase, noteProgress } from "./progress.ts";

/** Only another release that COMPLETED here is something to go back to. Never a tag, and never what a host remembers. */
export function canGoBack(deploy: DeployDocument): boolean {
  return deploy.previousDigest !== null && deploy.previousDigest !== deploy.imageDigest;
}

/** The release that completed last is what hosts are sent back to, whenever it completed. */
export function goesBackToLast({ deploy, facts }: Draft): void {
  if (facts.lastCompleted === null) return;
  deploy.previousTag = facts.lastCompleted.tag;
  deploy.previousDigest = facts.lastCompleted.digest;
}

/** Where to: another release than the last completed one, when a person says so. */
export interface BackTo {
  digest: string;
  tag: string | null;
}

/**
 * Takes the release back: at once wherever the old generation is warm, or the host is out of service anyway. Stop-first hosts that
 * serve the new release leave service to go back, so no more of them at a time than maxUnavailable allows.
 */
export function beginRollback(draft: Draft, cause: string, to: BackTo | null = null): void {
  const { deploy } = draft;
  if (deploy.state === "failed" && draft.facts.activeDeployId !== null) {
    say(draft, `no rollback while deploy ${draft.facts.activeDeployId} is active here`);
    return;
  }
  // Another deploy may have completed since this one failed.
  if (deploy.state === "failed" && to === null) goesBackToLast(draft);
  const gone = takenAwayFrom(draft.facts.contractMigrations, to?.digest ?? deploy.previousDigest);
  if (gone !== null && deploy.state === "failed") {
    say(draft, `no rollback: migration ${gone} has taken away what ${to?.tag ?? deploy.previousTag ?? "it"} needs`);
    return;
  }
  if (to !== null && to.digest !== deploy.previousDigest) {
    say(draft, `goes back to ${to.tag ?? to.digest} rather than to ${deploy.previousTag ?? "nothing"}`, { ...to });
    Object.assign(deploy, { previousDigest: to.digest, previousTag: to.tag });
  }
  moveDeploy(draft, "rolling_back", cause, { toDigest: deploy.previousDigest });
  deploy.engine = { kind: "back", since: draft.now, cause };
  deploy.endedAt = null;
  for (const host of ownAll(draft)) if (!waitsItsTurn(host)) sendBack(draft, host);
  sendNextBack(draft);
}

/** In service on the new release, and out of it on the way back. */
const waitsItsTurn = (host: HostStep): boolean => host.step === "updated" && host.order === "stop-first";

function sendNextBack(draft: Draft): void {
  const { hosts, knobs } = draft.deploy;
  if (!hosts.some(waitsItsTurn)) return;
  // At least one, or there would be no way back where maxUnavailable is 0.
  const most = Math.max(1, hostsOf(knobs.maxUnavailable, hosts.length));
  const out = outOfService(draft);
  for (const host of hosts) if (host.order === "stop-first" && host.step === "rolling_back") out.add(host.sandboxId);
  for (const [place, host] of hosts.entries()) {
    if (out.size >= most) return;
    if (!waitsItsTurn(host)) continue;
    sendBack(draft, own(draft, place));
    out.add(host.sandboxId);
  }
}

function sendBack(draft: Draft, host: HostStep): void {
  const digest = draft.deploy.previousDigest;
  if (digest === null || host.step === "rolled_back") return;
  if (host.step === "pending" || host.step === "skipped") {
    if (!runsAnother(observationOf(draft, host), digest)) {
      if (host.step === "pending") moveHost(draft, host, "skipped", "the deploy was rolled back before its turn");
      return;
    }
  }
  if (host.step === "failed" && host.engine.absent) return;
  const wasOnlyDraining = host.step === "cordoned" || host.step === "draining";
  host.engine.target = null;
  host.engine.targetSlots = null;
  host.engine.drainingSince = null;
  const { command } = host.engine;
  // Recalled before: it is on its way back, and is told once more only when that was to something else, or just behind a fence.
  if (host.step === "rolling_back" && command?.kind === "rollback" && command.digest === digest) return;
  issue(draft, host, wasOnlyDraining ? { kind: "undrain" } : { kind: "rollback", digest });
  const reason = `back to ${draft.deploy.previousTag ?? digest}`;
  if (host.step === "rolling_back") host.reason = reason;
  else moveHost(draft, host, "rolling_back", reason);
}

/** A superseded deploy may have left its release on hosts that this one never touched. */
function runsAnother(observation: Observation | null, digest: string): boolean {
  if (observation?.kind !== "seen") return false;
  const serving = observation.health.generations.filter((one) => one.state === "serving");
  return serving.length > 0 && !serving.some((one) => one.imageDigest === digest);
}

/** One tick of a rollback. Its own failure pauses it for a person: a rollback is never rolled back. */
export function goBack(draft: Draft): void {
  const { deploy } = draft;
  returnHosts(draft);
  if (deploy.state !== "rolling_back") return;
  const failed = deploy.hosts.filter((host) => host.step === "failed" && !host.engine.absent);
  const first = failed[0];
  if (first) {
    moveDeploy(draft, "rollback_paused", `the rollback failed on ${namesOf(failed)}: ${first.reason}`);
    return;
  }
  sendNextBack(draft);
  const under = deploy.hosts.filter((host) => host.step === "rolling_back" || waitsItsTurn(host));
  if (under.length > 0)
    return waitFor(draft, `${namesOf(under)} to be back on ${deploy.previousTag ?? "the last release"}`);
  const cause = deploy.engine.kind === "back" ? deploy.engine.cause : deploy.stateReason;
  moveDeploy(draft, "rolled_back", `back on ${deploy.previousTag ?? deploy.previousDigest}: ${cause}`);
}

function returnHosts(draft: Draft): void {
  for (const [place, { step }] of draft.deploy.hosts.entries()) {
    if (step !== "rolling_back") continue;
    const host = own(draft, place);
    returnHost(draft, host, observationOf(draft, host));
  }
}

/** A paused rollback starts nothing, but hosts that were told to go back arrive there. */
export function tendPausedRollback(draft: Draft): void {
  returnHosts(draft);
  waitFor(draft, "a person: resume tries the rollback again, abort leaves the hosts as they are");
}

export function resumeRollback(draft: Draft, cause: string): void {
  const failed = ownAll(draft).filter((host) => host.step === "failed" && !host.engine.absent);
  moveDeploy(draft, "rolling_back", cause);
  draft.deploy.engine = { kind: "back", since: draft.now, cause: draft.deploy.stateReason };
  for (const host of failed) sendBack(draft, host);
}

/** Back means: the host reports the previous digest from a sound generation, and all new work goes there. */
export function returnHost(draft: Draft, host: HostStep, observation: Observation | null): void {
  const answer = answered(draft, host, observation);
  if (answer.kind === "refused") return failHost(draft, host, answer.message);
  if (answer.kind === "waiting") {
    if (isCordonedAway(observation)) {
      giveUpAbsent(draft, host, "failed", `${host.reason}; cordoned`);
    } else checkProgress(draft, host);
    return;
  }
  if (answer.kind !== "taken") return;
  const { seen } = answer;
  const current = seen.health.currentDeploy;
  const isOurs = current !== null && current.epoch === host.engine.command?.epoch;
  if (isOurs) {
    notePhase(draft, host, current);
    if (current.phase === "failed" || current.phase === "superseded") return failHost(draft, host, current.message);
  }
  const digest = draft.deploy.previousDigest;
  const sound = digest === null ? null : servingGeneration(seen, digest);
  if (sound) return arrive(draft, host, seen, sound.generation);
  hostWaits(draft, host, isOurs ? current.message : "for the last completed release to serve again");
  const isIdle = current === null || current.endedAt !== null;
  if (isIdle && isLost(draft, host) && digest !== null) issue(draft, host, { kind: "rollback", digest });
  checkProgress(draft, host);
}

function arrive(draft: Draft, host: HostStep, seen: SeenObservation, generation: number): void {
  host.engine.target = generation;
  const left = slotsOutside(seen.facts, generation);
  if (host.engine.slotsLeft === null || left < host.engine.slotsLeft) {
    host.engine.slotsLeft = left;
    noteProgress(draft, host);
  }
  if (left > 0 || seen.facts.targetGeneration !== generation) {
    hostWaits(draft, host, `for ${left} of ${seen.facts.slots.length} slots to go back to generation ${generation}`);
    checkProgress(draft, host);
    return;
  }
  host.reportedDigest = draft.deploy.previousDigest;
  moveHost(draft, host, "rolled_back", `all new work runs on generation ${generation} again`);
}
