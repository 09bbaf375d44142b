import { describe, expect, it } from "vitest";
import { freedSlots, roomAtTarget, slotToMove } from "./hand-over.ts";
import type { SlotState } from "../states.ts";

const slot = (index: number, state: SlotState, generation: number | null) => ({ index, state, generation });

describe("the slot that goes to the target next", () => {
  it("is one that is of no use where it is, before one that accepts", () => {
    const slots = [slot(0, "accepting", 1), slot(1, "renewing", 1), slot(2, "offline", null)];
    expect(slotToMove(slots, 2)?.index).toBe(2);
    expect(slotToMove(slots.slice(0, 2), 2)?.index).toBe(1);
  });

  it("F07: is never a busy one, and none of the target's own", () => {
    expect(slotToMove([slot(0, "occupied", 1), slot(1, "reserved", 1), slot(2, "accepting", 2)], 2)).toBeUndefined();
  });

  it("is none once the target has as many as it may", () => {
    const slots = [slot(0, "accepting", 2), slot(1, "accepting", 1)];
    expect(slotToMove(slots, 2, 1)).toBeUndefined();
    expect(slotToMove(slots, 2, 2)?.index).toBe(1);
    expect(roomAtTarget(slots, 2, null)).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("the slots of ended attempts", () => {
  const [a, b] = [
    { id: "a", generation: 1 },
    { id: "b", generation: 1 },
  ];
  it("renew on the target itself", () => {
    expect(freedSlots([a], 1, true)).toEqual({
      freed: [{ id: "a", generation: 1, state: "renewing" }],
      usesSpare: false,
      changesPlan: false,
    });
  });

  it("go to another target at once: one to its spare, the others to be renewed there", () => {
    expect(freedSlots([a, b], 2, true)).toEqual({
      freed: [
        { id: "a", generation: 2, state: "accepting" },
        { id: "b", generation: 2, state: "renewing" },
      ],
      usesSpare: true,
      changesPlan: true,
    });
    expect(freedSlots([a], 2, false).freed).toEqual([{ id: "a", generation: 2, state: "renewing" }]);
  });

  it("stay when the target is gone, or may have no more", () => {
    expect(freedSlots([a], 2, undefined)).toMatchObject({ freed: [{ generation: 1 }], changesPlan: false });
    expect(freedSlots([a, b], 2, true, 1)).toMatchObject({ freed: [{ generation: 2 }, { generation: 1 }] });
    expect(freedSlots([a], 2, true, 0)).toMatchObject({ freed: [{ state: "renewing" }], usesSpare: false });
  });
});
