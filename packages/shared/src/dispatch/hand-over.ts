import type { SlotState } from "../states.ts";

/** Slots that a hand-over may move, in this order: one that is not usable moves first, since that only adds capacity. */
export const movableSlotStates = ["offline", "renewing", "accepting"] as const satisfies readonly SlotState[];

/** How many more slots may go to the target. `targetSlots`: at most so many are its at once; null: all. */
export function roomAtTarget(
  slots: readonly { generation: number | null }[],
  target: number | null,
  targetSlots: number | null,
): number {
  if (targetSlots === null) return Number.POSITIVE_INFINITY;
  return Math.max(0, targetSlots - slots.filter((slot) => slot.generation === target).length);
}

/** The slot that goes to the target's spare browser next; slots in order of their index. */
export function slotToMove<S extends { state: SlotState; generation: number | null }>(
  slots: readonly S[],
  target: number,
  targetSlots: number | null = null,
): S | undefined {
  if (roomAtTarget(slots, target, targetSlots) === 0) return undefined;
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
 * What the slots of ended attempts become. On a generation that is no longer the target, a slot goes to the target at once, while
 * that has `room`: accepting when its spare is ready (and used up by this), else renewing there. Others renew where they are.
 * `spareReady` undefined: the target is gone, and slots stay where they are.
 */
export function freedSlots(
  slots: readonly BusySlot[],
  target: number | null,
  spareReady: boolean | undefined,
  room = Number.POSITIVE_INFINITY,
): { freed: FreedSlot[]; usesSpare: boolean; changesPlan: boolean } {
  const foreign = slots.filter((slot) => target !== null && slot.generation !== target && spareReady !== undefined);
  const moving = foreign.slice(0, room);
  const spareUser = spareReady ? moving[0] : undefined;
  const freed = slots.map((slot): FreedSlot => {
    const generation = moving.includes(slot) ? target : slot.generation;
    return { id: slot.id, generation, state: slot === spareUser ? "accepting" : "renewing" };
  });
  return { freed, usesSpare: spareUser !== undefined, changesPlan: moving.length > 0 };
}
