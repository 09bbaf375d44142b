import type { AgentGeneration } from "@valet/contracts";
import type { HostStep } from "../model.ts";
import { hasTaken, type Observation, type SeenObservation } from "../observation.ts";
import { advanceHost } from "./advance.ts";
import { answered, isCordonedAway, isLost } from "./answered.ts";
import { canGoBack, returnHost } from "./back.ts";
import { hostWaits, issue, moveDeploy, moveHost, observationOf, waitFor, type Draft } from "./draft.ts";
import { waitsForAnswers } from "./finish.ts";
import { isInFlight, namesOf } from "./hosts.ts";
import { checkProgress, failHost, giveUpAbsent } from "./progress.ts";

/**
 * Stops where it is. Before the start: at once. Later: each host with an unsettled effect gets a fencing no-op, and the deploy
 * stays `aborting` until each has answered or is cordoned unreachable. Hosts past the point of no return (stop-first with the
 * old release already stopped, or slots being handed over) arrive first; updated ones stay updated.
 */
export function beginAbort(draft: Draft, actor: string, reason: string): void {
  const { deploy } = draft;
  if (deploy.state === "awaiting_trigger" || deploy.state === "awaiting_approval" || deploy.state === "queued") {
    moveDeploy(draft, "aborted", reason);
    return;
  }
  moveDeploy(draft, "aborting", reason);
  deploy.engine = { kind: "aborting", since: draft.now, actor };
  for (const host of deploy.hosts) fenceHost(draft, host);
}

function fenceHost(draft: Draft, host: HostStep): void {
  switch (host.step) {
    case "pending":
      return moveHost(draft, host, "skipped", "aborted before its turn");
    case "cordoned":
    case "draining":
      issue(draft, host, { kind: "undrain" });
      return moveHost(draft, host, "rolling_back", "aborted: takes work again");
    case "starting":
      issue(draft, host, { kind: "fence", leave: false });
      return moveHost(draft, host, "rolling_back", "aborted: fenced off, then its new generation is ended");
    case "verifying":
      if (host.order === "stop-first") return;
      issue(draft, host, { kind: "fence", leave: false });
      return moveHost(draft, host, "rolling_back", "aborted: fenced off, then its new generation is ended");
    case "replacing":
      if (isTaken(draft, host)) return;
      issue(draft, host, { kind: "fence", leave: false });
      return moveHost(draft, host, "rolling_back", "aborted before the host had taken the command");
    case "rolling_back":
      return issue(draft, host, { kind: "fence", leave: true });
    default:
      return;
  }
}

function isTaken(draft: Draft, host: HostStep): boolean {
  const observation = observationOf(draft, host);
  const { command } = host.engine;
  return command !== null && observation?.kind === "seen" && hasTaken(observation, command.epoch);
}

export function abort(draft: Draft): void {
  const { deploy } = draft;
  for (const host of deploy.hosts) {
    const observation = observationOf(draft, host);
    if (host.step === "rolling_back") putBack(draft, host, observation);
    else advanceHost(draft, host, observation);
  }
  const left = deploy.hosts.filter((host) => isInFlight(host) || host.step === "rolling_back");
  if (left.length > 0) return waitFor(draft, `${namesOf(left)} to answer or settle`);
  if (waitsForAnswers(draft)) return;
  moveDeploy(draft, "aborted", deploy.stateReason);
}

/** After the fence: whatever the deploy left on the host is ended, so that an abort leaves no second generation behind. */
function putBack(draft: Draft, host: HostStep, observation: Observation | null): void {
  const { command } = host.engine;
  if (command?.kind === "rollback") return returnHost(draft, host, observation);
  const answer = answered(draft, host, observation);
  if (answer.kind === "refused") return failHost(draft, host, answer.message);
  if (answer.kind === "waiting") {
    if (isCordonedAway(observation)) {
      giveUpAbsent(draft, host, "failed", `${host.reason}; cordoned while the deploy was aborted`);
    } else checkProgress(draft, host);
    return;
  }
  if (answer.kind !== "taken" || command === null) return;
  if (command.kind === "fence" && command.leave) {
    return failHost(draft, host, "its rollback was aborted; left as it is");
  }
  const leftover = leftoverOf(draft, host, answer.seen);
  if (leftover) return removeLeftover(draft, host, leftover);
  if (command.kind === "fence" && host.order === "stop-first") return issue(draft, host, { kind: "undrain" });
  moveHost(draft, host, "rolled_back", "aborted: runs the release it ran before");
}

function removeLeftover(draft: Draft, host: HostStep, leftover: AgentGeneration): void {
  const { command } = host.engine;
  const { previousDigest } = draft.deploy;
  hostWaits(draft, host, `for generation ${leftover.generation} to end`);
  if (command?.kind === "end_generation" && !isLost(draft, host)) return checkProgress(draft, host);
  if (canGoBack(draft.deploy) && previousDigest !== null)
    issue(draft, host, { kind: "rollback", digest: previousDigest });
  else issue(draft, host, { kind: "end_generation", generation: leftover.generation, force: true });
}

/** A generation of this deploy that holds no slot. */
function leftoverOf(draft: Draft, host: HostStep, seen: SeenObservation): AgentGeneration | null {
  const isLeft = (one: AgentGeneration): boolean =>
    one.desiredDigest === draft.deploy.imageDigest &&
    one.generation !== host.oldGeneration &&
    (one.state === "starting" || one.state === "serving") &&
    !seen.facts.slots.some((slot) => slot.generation === one.generation);
  return seen.health.generations.find(isLeft) ?? null;
}
