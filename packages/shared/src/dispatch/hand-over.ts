import type { SlotState } from "../states.ts";

/** Slots that a hand-over may move, in this order: one that is not usable moves first, since that only adds capacity. */
export const movableSlotStates = ["offline", "renewing", "accepting"] as const satisfies readonly SlotState[];

/** The slot that goes to the target's spare browser next; slots in order of their index. */
export function slotToMove<S extends { state: SlotState; generation: number | null }>(
  slots: readonly S[],
  target: number,
): S | undefined {
  for (const state of movableSlotStates) {
    const found = slots.find((slot) => slot.generation !== target && slot.state === state);
    if (found) return found;
  }
  return undefined;
}

export interface BusySlot {
  id: string;
  generation: number | null;
}
export interface FreedSlot {
  id: string;
  generation: number | null;
  state: "accepting" | "renewing";
}

/**
 * What the slots of ended attempts become. On a generation that is no longer the target, a slot goes to the target at once:
 * accepting when its spare is ready (and used up by this), else renewing there. On the target itself: renewing.
 * `spareReady` undefined: the target is gone, and slots stay where they are.
 */
export function freedSlots(
  slots: readonly BusySlot[],
  target: number | null,
  spareReady: boolean | undefined,
): { freed: FreedSlot[]; usesSpare: boolean; changesPlan: boolean } {
  const isForeign = (slot: BusySlot): boolean =>
    target !== null && slot.generation !== target && spareReady !== undefined;
  const spareUser = spareReady ? slots.find(isForeign) : undefined;
  const freed = slots.map((slot): FreedSlot => {
    const generation = isForeign(slot) ? target : slot.generation;
    return { id: slot.id, generation, state: slot === spareUser ? "accepting" : "renewing" };
  });
  return { freed, usesSpare: spareUser !== undefined, changesPlan: slots.some(isForeign) };
}
