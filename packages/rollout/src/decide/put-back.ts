import type { AgentGeneration } from "@valet/contracts";
import type { HostStep } from "../model.ts";
import type { Observation, SeenObservation } from "../observation.ts";
import { answered, isCordonedAway, isLost } from "./answered.ts";
import { canGoBack, returnHost } from "./back.ts";
import { hostWaits, issue, moveHost, ownAll, type Draft } from "./draft.ts";
import { checkProgress, failHost, giveUpAbsent } from "./progress.ts";

/**
 * Hosts that hold at a share of their slots, or before the switch, have nowhere to arrive once their deploy ends early: they
 * are put back on the release before it. Without one, they take the new release whole.
 */
export function recallHolders(draft: Draft, why: string): void {
  const { previousDigest } = draft.deploy;
  for (const host of ownAll(draft)) {
    if (host.step === "verifying" && host.engine.holds) {
      issue(draft, host, { kind: "fence", leave: false });
      moveHost(draft, host, "rolling_back", `${why}: fenced off, then its new generation is ended`);
    } else if (host.step === "handing_over" && host.engine.targetSlots !== null && canGoBack(draft.deploy)) {
      if (previousDigest === null) continue;
      issue(draft, host, { kind: "rollback", digest: previousDigest });
      Object.assign(host.engine, { target: null, targetSlots: null, drainingSince: null });
      moveHost(draft, host, "rolling_back", `${why}: gives the canary's slots back`);
    }
  }
}

/** After the fence: whatever the deploy left on the host is ended, so that an abort leaves no second generation behind. */
export function putBack(draft: Draft, host: HostStep, observation: Observation | null): void {
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
