import type { GenerationReport, SlotPlan } from "@valet/contracts";

/** What the sandbox worker last saw of one generation's browsers. */
export interface GenerationBrowsers {
  generation: number;
  state: GenerationReport["state"];
  spare: "none" | "preparing" | "ready" | "failed";
  slots: readonly { index: number; state: "preparing" | "ready" | "busy" | "closed" }[];
}
export interface DesiredSlots {
  owned: number[];
  spare: boolean;
}

/**
 * What each generation is told to hold. A generation owns the slots that the plan gives it. At most one generation keeps a
 * spare browser: the newest one that is coming up, else the plan's target while slots are missing to it; and it gets no NEW
 * spare while another generation still has a browser open that is no longer its own, so that memory never doubles.
 * With no plan nobody is told anything: a GH worker starts with its own default.
 */
export function desiredSlots(
  plan: SlotPlan | null,
  generations: readonly GenerationBrowsers[],
): Map<number, DesiredSlots> {
  const desired = new Map<number, DesiredSlots>();
  if (!plan) return desired;
  const live = generations.filter(({ state }) => state !== "ended");
  const spareFor = spareCandidate(plan, live);
  for (const generation of live) {
    desired.set(generation.generation, {
      owned: ownedBy(plan, generation.generation),
      spare: generation.generation === spareFor && maySpare(plan, generation, live),
    });
  }
  return desired;
}

function ownedBy(plan: SlotPlan, generation: number): number[] {
  return plan.slots.filter((slot) => slot.generation === generation).map(({ index }) => index);
}

function spareCandidate(plan: SlotPlan, live: readonly GenerationBrowsers[]): number | null {
  const comingUp = live
    .filter(({ state }) => state === "starting" || state === "serving")
    .map(({ generation }) => generation)
    .filter((generation) => generation > (plan.target ?? 0));
  if (comingUp.length > 0) return Math.max(...comingUp);
  const { target } = plan;
  if (target === null || !live.some(({ generation }) => generation === target)) return null;
  return plan.slots.some((slot) => slot.generation !== target) ? target : null;
}

function maySpare(plan: SlotPlan, candidate: GenerationBrowsers, live: readonly GenerationBrowsers[]): boolean {
  // One that exists is kept: closing and reopening it would only cost time. One that is about to become a slot is spent.
  if (isOpenSpare(candidate) && missingSlots(plan, candidate).length === 0) return true;
  return live.every((other) => other.generation === candidate.generation || !holdsForeignBrowser(plan, other));
}

function holdsForeignBrowser(plan: SlotPlan, other: GenerationBrowsers): boolean {
  if (isOpenSpare(other)) return true;
  const owned = new Set(ownedBy(plan, other.generation));
  return other.slots.some(({ index, state }) => state !== "closed" && !owned.has(index));
}

function isOpenSpare({ spare }: GenerationBrowsers): boolean {
  return spare === "preparing" || spare === "ready";
}

/** Slots it owns and has no browser for yet. */
function missingSlots(plan: SlotPlan, { generation, slots }: GenerationBrowsers): number[] {
  const open = new Set(slots.filter(({ state }) => state !== "closed").map(({ index }) => index));
  return ownedBy(plan, generation).filter((index) => !open.has(index));
}
