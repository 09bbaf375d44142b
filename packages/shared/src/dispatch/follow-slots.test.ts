import { describe, expect, it } from "vitest";
import { followSlot, hasUsableSpare } from "./follow-slots.ts";
import { slotStates } from "../states.ts";
import { canMove, slotTransitions } from "../transitions.ts";
import { testReport } from "./test-report.ts";

const slot = { index: 0, generation: 1 };
const seen = (state: "preparing" | "ready" | "busy" | "closed") => testReport({ slots: [{ index: 0, state }] });

describe("following a slot", () => {
  it.each([
    ["a renewed slot accepts once it is ready", "renewing", seen("ready"), false, "accepting"],
    ["one that is being prepared stays renewing", "renewing", seen("preparing"), false, "renewing"],
    ["an accepting one that is prepared anew does not accept", "accepting", seen("preparing"), false, "renewing"],
    ["an accepting one that somebody else uses does not accept", "accepting", seen("busy"), false, "renewing"],
    ["one just handed over is not listed yet and accepts", "accepting", testReport(), false, "accepting"],
    ["nor is one its owner still shows as closed touched", "accepting", seen("closed"), false, "accepting"],
    ["a slot of an ended generation is offline", "accepting", testReport({ state: "ended" }), false, "offline"],
    ["F06: one silent moment says nothing", "accepting", testReport({ reachable: false }), false, "accepting"],
    ["a long silence takes it offline", "renewing", testReport({ reachable: false }), true, "offline"],
    ["a generation nobody reports is offline after a while", "accepting", undefined, true, "offline"],
    ["an offline slot comes back", "offline", seen("ready"), false, "accepting"],
    ["by way of renewing when it is not ready", "offline", seen("preparing"), false, "renewing"],
    ["a busy slot is the attempt's business", "occupied", testReport({ state: "ended" }), true, "occupied"],
    ["so is a reserved one", "reserved", seen("ready"), false, "reserved"],
  ] as const)("%s", (_name, state, report, isSilent, expected) => {
    expect(followSlot({ ...slot, state }, report, isSilent)).toBe(expected);
  });

  it("only makes moves the transition table has", () => {
    for (const state of slotStates) {
      for (const shown of ["preparing", "ready", "busy", "closed"] as const) {
        for (const isSilent of [true, false]) {
          const next = followSlot({ ...slot, state }, seen(shown), isSilent);
          expect(next === state || canMove(slotTransitions, state, next), `${state} to ${next}`).toBe(true);
        }
      }
    }
  });
});

describe("a spare", () => {
  const owned = [{ index: 0, generation: 1, state: "accepting" as const }];
  it("counts once its generation shows every slot it owns", () => {
    expect(hasUsableSpare(testReport({ spareReady: true }), [])).toBe(true);
    expect(hasUsableSpare(testReport({ spareReady: true }), owned)).toBe(false);
    expect(hasUsableSpare(testReport({ spareReady: true, slots: [{ index: 0, state: "closed" }] }), owned)).toBe(false);
    expect(hasUsableSpare(testReport({ spareReady: true, slots: [{ index: 0, state: "ready" }] }), owned)).toBe(true);
    expect(hasUsableSpare(testReport({ spareReady: true, reachable: false }), [])).toBe(false);
  });
});
