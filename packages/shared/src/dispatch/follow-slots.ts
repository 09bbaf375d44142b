import type { SlotState } from "../states.ts";
import type { GenerationInput, HeartbeatInput } from "./heartbeat-input.ts";
import type { StoredGeneration } from "./reports.ts";

export interface OwnedSlot {
  index: number;
  state: SlotState;
  generation: number | null;
}

/** Slots whose state changes with this heartbeat. `silentAfterMs`: a generation that was silent for longer has no usable slot. */
export function changedSlots(
  slots: readonly OwnedSlot[],
  heartbeat: HeartbeatInput,
  known: readonly StoredGeneration[],
  silentAfterMs: number,
): { index: number; state: SlotState }[] {
  return slots.flatMap((slot) => {
    if (slot.generation === null) return [];
    const report = heartbeat.generations.find((one) => one.generation === slot.generation);
    const silentMs = known.find((one) => one.number === slot.generation)?.silentMs ?? Number.POSITIVE_INFINITY;
    const state = followSlot(slot, report, silentMs > silentAfterMs);
    return state === slot.state ? [] : [{ index: slot.index, state }];
  });
}

/** Reports with their spare as it may be used. */
export function withUsableSpares(heartbeat: HeartbeatInput, slots: readonly OwnedSlot[]): GenerationInput[] {
  return heartbeat.generations.map((report) => {
    const owned = slots.filter((slot) => slot.generation === report.generation);
    return { ...report, spareReady: hasUsableSpare(report, owned) };
  });
}

/**
 * The state a slot without a task should have, from what its own generation reports. A slot that the report does not list keeps
 * its state: the generation may not have heard yet that it owns it. `isSilent`: nothing was heard from it for too long.
 */
export function followSlot(slot: OwnedSlot, report: GenerationInput | undefined, isSilent: boolean): SlotState {
  if (slot.state === "reserved" || slot.state === "occupied") return slot.state;
  if (report?.state === "ended" || isSilent) return "offline";
  if (!report?.reachable) return slot.state;
  const seen = report.slots.find((one) => one.index === slot.index)?.state;
  switch (seen) {
    case "ready":
      return "accepting";
    case "preparing":
    case "busy":
      return slot.state === "offline" || slot.state === "accepting" ? "renewing" : slot.state;
    case "closed":
    case undefined:
      return slot.state;
  }
}

/**
 * A spare counts only once the generation shows every slot it owns: a report from before it learned of the last one still speaks
 * of the spare that became that slot's browser.
 */
export function hasUsableSpare(report: GenerationInput, owned: readonly OwnedSlot[]): boolean {
  if (!report.reachable || !report.spareReady || report.state === "ended") return false;
  return owned.every((slot) => report.slots.some((one) => one.index === slot.index && one.state !== "closed"));
}
