import type { HostStep } from "../model.ts";
import { slotsOutside, type Observation, type SandboxFacts, type SeenObservation } from "../observation.ts";
import { answered } from "./answered.ts";
import { capOf, stepText } from "./canary.ts";
import { hold, hostWaits, issue, moveHost, unhold, type Draft } from "./draft.ts";
import { noteProgress, noteTimings } from "./progress.ts";
import { checkSound } from "./tend.ts";

export function handOver(draft: Draft, host: HostStep, observation: Observation | null): void {
  if (observation?.kind !== "seen") {
    unhold(draft, host);
    answered(draft, host, observation);
    return;
  }
  if (!checkSound(draft, host, observation)) return;
  // Unsound for a moment: nothing more is given to it until it is sound again.
  if (host.engine.unhealthySince !== null) return;
  finishHandOver(draft, host, observation);
}

/** Updated means: all NEW work of this sandbox runs on the new generation. Tasks that run on the old one go on there. */
export function finishHandOver(draft: Draft, host: HostStep, seen: SeenObservation): void {
  const { facts } = seen;
  const target = host.newGeneration;
  if (target === null) return;
  const cap = capOf(draft, host, facts.slots.length);
  if (cap !== host.engine.targetSlots) {
    host.engine.targetSlots = cap;
    unhold(draft, host);
  }
  const left = cap === null ? slotsOutside(facts, target) : slotsBelow(facts, target, cap);
  if (host.engine.slotsLeft === null || left < host.engine.slotsLeft) {
    host.engine.slotsLeft = left;
    noteProgress(draft, host);
  }
  if (left > 0 || facts.targetGeneration !== target || facts.targetSlots !== cap) {
    unhold(draft, host);
    hostWaits(draft, host, `for ${left} of ${facts.slots.length} slots to be handed to generation ${target}`);
    return;
  }
  if (cap !== null)
    return hold(draft, host, `holds at ${cap} of ${facts.slots.length} slots: ${stepText(draft.deploy)}`);
  settle(draft, host, target);
}

function settle(draft: Draft, host: HostStep, target: number): void {
  const { command } = host.engine;
  if (command?.kind === "deploy") noteTimings(host, { changeMs: draft.now - command.issuedAt });
  issue(draft, host, { kind: "settle", generation: target });
  host.engine.drainingSince = draft.now;
  moveHost(draft, host, "updated", `all new work runs on generation ${target}`);
}

/** Free slots that must still go to the target before it has its share; occupied ones go when their task ends. */
function slotsBelow(facts: SandboxFacts, target: number, cap: number): number {
  const taken = facts.slots.filter((slot) => slot.generation === target).length;
  return Math.max(0, Math.min(cap - taken, slotsOutside(facts, target)));
}
