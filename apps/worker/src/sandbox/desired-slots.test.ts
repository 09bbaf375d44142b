import type { SlotPlan } from "@valet/contracts";
import { describe, expect, it } from "vitest";
import { type GenerationBrowsers, desiredSlots } from "./desired-slots.ts";

const plan = (target: number | null, owners: (number | null)[]): SlotPlan => ({
  revision: 1,
  target,
  slots: owners.map((generation, index) => ({ index, generation })),
  draining: false,
});
const browsers = (
  generation: number,
  slots: GenerationBrowsers["slots"][number]["state"][],
  rest: Partial<GenerationBrowsers> = {},
): GenerationBrowsers => ({
  generation,
  state: "serving",
  spare: "none",
  slots: slots.map((state, index) => ({ index, state })),
  ...rest,
});
const asObject = (p: SlotPlan | null, g: GenerationBrowsers[]) => Object.fromEntries(desiredSlots(p, g));

const table: { name: string; plan: SlotPlan | null; seen: GenerationBrowsers[]; want: Record<number, unknown> }[] = [
  { name: "no plan yet: nobody is told anything", plan: null, seen: [browsers(1, [])], want: {} },
  {
    name: "the first generation keeps a spare while no slot is its own",
    plan: plan(1, [null, null]),
    seen: [browsers(1, [])],
    want: { 1: { owned: [], spare: true } },
  },
  {
    name: "a fresh host without a target lets its starting generation keep the spare for its probe",
    plan: plan(null, [null, null]),
    seen: [browsers(1, [], { state: "starting", spare: "ready" })],
    want: { 1: { owned: [], spare: true } },
  },
  {
    name: "a generation with all slots needs no spare",
    plan: plan(1, [1, 1]),
    seen: [browsers(1, ["ready", "busy"])],
    want: { 1: { owned: [0, 1], spare: false } },
  },
  {
    name: "a new generation that is being verified keeps a spare before it is the target",
    plan: plan(7, [7, 7]),
    seen: [browsers(7, ["ready", "busy"]), browsers(8, [], { state: "starting" })],
    want: { 7: { owned: [0, 1], spare: false }, 8: { owned: [], spare: true } },
  },
  {
    name: "the target gets no next spare while the old generation still holds the browser of a slot that flipped",
    plan: plan(8, [8, 7]),
    seen: [browsers(7, ["preparing", "busy"]), browsers(8, ["ready"])],
    want: { 7: { owned: [1], spare: false }, 8: { owned: [0], spare: false } },
  },
  {
    name: "the target gets its next spare once the old generation closed it",
    plan: plan(8, [8, 7]),
    seen: [browsers(7, ["closed", "busy"]), browsers(8, ["ready"])],
    want: { 7: { owned: [1], spare: false }, 8: { owned: [0], spare: true } },
  },
  {
    name: "a spare that exists is kept",
    plan: plan(8, [8, 7]),
    seen: [browsers(7, ["preparing", "busy"]), browsers(8, ["ready"], { spare: "ready" })],
    want: { 7: { owned: [1], spare: false }, 8: { owned: [0], spare: true } },
  },
  {
    name: "a spare that is about to become a slot is not one that exists: the next one waits for the old browser",
    plan: plan(8, [8, 7]),
    seen: [browsers(7, ["preparing", "busy"]), browsers(8, [], { spare: "ready" })],
    want: { 7: { owned: [1], spare: false }, 8: { owned: [0], spare: false } },
  },
  {
    name: "rolled back: the old generation waits for the newer one's spare to close",
    plan: plan(7, [8, 7]),
    seen: [browsers(7, ["closed", "ready"]), browsers(8, ["busy"], { state: "draining", spare: "ready" })],
    want: { 7: { owned: [1], spare: false }, 8: { owned: [0], spare: false } },
  },
  {
    name: "a warm generation owns nothing and keeps no spare",
    plan: plan(8, [8, 8]),
    seen: [browsers(7, ["closed", "closed"], { state: "warm" }), browsers(8, ["ready", "ready"])],
    want: { 7: { owned: [], spare: false }, 8: { owned: [0, 1], spare: false } },
  },
  {
    name: "an ended generation is told nothing and blocks nobody",
    plan: plan(8, [8, null]),
    seen: [browsers(7, ["ready", "ready"], { state: "ended" }), browsers(8, ["ready"])],
    want: { 8: { owned: [0], spare: true } },
  },
];

describe("desiredSlots", () => {
  it.each(table)("$name", ({ plan: p, seen, want }) => {
    expect(asObject(p, seen)).toEqual(want);
  });

  it("memory never doubles: over a whole hand-over at most one browser more than there are slots is open", () => {
    for (const capacity of [1, 2, 5]) {
      const world = handOver(capacity);
      expect(world.mostOpen).toBeLessThanOrEqual(capacity + 1);
      expect(world.owners.every((owner) => owner === 8)).toBe(true);
    }
  });
});

/** Two generations that do what they are told, one step at a time, and a control plane that flips a slot for a spare. */
function handOver(capacity: number): { mostOpen: number; owners: number[] } {
  const owners: number[] = Array.from({ length: capacity }, () => 7);
  const old = browsers(
    7,
    Array.from({ length: capacity }, () => "ready" as const),
  );
  let fresh = browsers(8, [], { state: "starting" });
  let oldNow = old;
  let mostOpen = 0;
  for (let step = 0; step < capacity * 6 + 6; step += 1) {
    const desired = desiredSlots(plan(8, owners), [oldNow, fresh]);
    const told7 = desired.get(7);
    const told8 = desired.get(8);
    const open = (slots: GenerationBrowsers["slots"]) => slots.filter(({ state }) => state !== "closed").length;
    // The old generation is slow: it closes what it lost only every other step.
    if (step % 2 === 1)
      oldNow = {
        ...oldNow,
        slots: oldNow.slots.map((slot) => (told7?.owned.includes(slot.index) ? slot : { ...slot, state: "closed" })),
      };
    const adopted = (told8?.owned ?? []).filter((index) => !fresh.slots.some((slot) => slot.index === index));
    if (adopted.length > 0)
      fresh = {
        ...fresh,
        spare: "none",
        slots: [...fresh.slots, ...adopted.map((index) => ({ index, state: "ready" as const }))],
      };
    else if (told8?.spare) fresh = { ...fresh, spare: "ready" };
    const next = owners.indexOf(7);
    if (fresh.spare === "ready" && next >= 0 && step % 3 === 0) owners[next] = 8;
    mostOpen = Math.max(mostOpen, open(oldNow.slots) + open(fresh.slots) + (fresh.spare === "ready" ? 1 : 0));
  }
  return { mostOpen, owners };
}
