import { hasTaken, type Observation } from "../observation.ts";
import type { HostStep } from "../model.ts";
import { isCordonedAway } from "./answered.ts";
import { issue, moveDeploy, moveHost, observationOf, ownAll, waitFor, type Draft } from "./draft.ts";
import { isSettling, namesOf } from "./hosts.ts";
import { fenceUntaken } from "./fence-untaken.ts";
import { recallHolders } from "./put-back.ts";

/**
 * A newer deploy takes over. Pending, cordoned and draining hosts are let go at once; a host in the middle of starting,
 * replacing or verifying settles first, since killing a procedure half way is what breaks hosts.
 */
export function giveWay(draft: Draft, newerId: string): void {
  const { deploy } = draft;
  fenceUntaken(draft);
  for (const host of ownAll(draft)) release(draft, host);
  recallHolders(draft, `deploy ${newerId} takes over`);
  const settling = deploy.hosts.filter((host) => isSettling(host) || host.step === "rolling_back");
  if (settling.length > 0) return waitFor(draft, `${namesOf(settling)} to settle before deploy ${newerId} takes over`);
  const unanswered = deploy.hosts.filter((host) => !hasAnswered(host, observationOf(draft, host)));
  if (unanswered.length > 0)
    return waitFor(draft, `${namesOf(unanswered)} to answer before deploy ${newerId} takes over`);
  for (const host of ownAll(draft)) {
    if (host.step === "pending") moveHost(draft, host, "skipped", `deploy ${newerId} took over before its turn`);
  }
  moveDeploy(draft, "superseded", `deploy ${newerId} is newer and took over`, { by: newerId });
}

function release(draft: Draft, host: HostStep): void {
  if (host.step !== "cordoned" && host.step !== "draining") return;
  if (host.step === "draining") issue(draft, host, { kind: "undrain" });
  host.engine.drainingSince = null;
  moveHost(draft, host, "pending", "let go for a newer deploy");
}

function hasAnswered(host: HostStep, observation: Observation | null): boolean {
  const { command } = host.engine;
  if (command === null || isCordonedAway(observation)) return true;
  return observation?.kind === "seen" && hasTaken(observation, command.epoch);
}
