import type { HostStep } from "../model.ts";
import { hasTaken } from "../observation.ts";
import { advanceHost } from "./advance.ts";
import { issue, moveDeploy, moveHost, observationOf, ownAll, waitFor, type Draft } from "./draft.ts";
import { waitsForAnswers } from "./finish.ts";
import { isInFlight, namesOf } from "./hosts.ts";
import { putBack, recallHolders } from "./put-back.ts";

/**
 * Stops where it is. Before the start: at once. Later: each host with an unsettled effect gets a fencing no-op, and the deploy
 * stays `aborting` until each has answered or is cordoned unreachable. Hosts past the point of no return (stop-first with the
 * old release already stopped, or slots being handed over) arrive first; updated ones stay updated. A canary host that holds
 * a share of its slots gives them back.
 */
export function beginAbort(draft: Draft, actor: string, reason: string): void {
  const { deploy } = draft;
  if (deploy.state === "awaiting_trigger" || deploy.state === "awaiting_approval" || deploy.state === "queued") {
    moveDeploy(draft, "aborted", reason);
    return;
  }
  moveDeploy(draft, "aborting", reason);
  deploy.engine = { kind: "aborting", since: draft.now, actor };
  recallHolders(draft, "aborted");
  for (const host of ownAll(draft)) fenceHost(draft, host);
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
      // Recalled just now: its command is the newest there is.
      if (host.engine.command?.issuedAt === draft.now) return;
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
  for (const host of ownAll(draft)) {
    const observation = observationOf(draft, host);
    if (host.step === "rolling_back") putBack(draft, host, observation);
    else advanceHost(draft, host, observation);
  }
  const left = deploy.hosts.filter((host) => isInFlight(host) || host.step === "rolling_back");
  if (left.length > 0) return waitFor(draft, `${namesOf(left)} to answer or settle`);
  if (waitsForAnswers(draft)) return;
  moveDeploy(draft, "aborted", deploy.stateReason);
}
