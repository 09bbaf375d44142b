import { canMove, sandboxTransitions, type SandboxState } from "@valet/shared";
import { dropSurplus } from "./complete.ts";
import { moveFreeSlot } from "./heartbeat.ts";
import type { MemoryCordon, MemoryTaskSandbox, NewMemorySandbox } from "./model.ts";
import { mustSandbox, type State } from "./state.ts";

/** Creates the sandbox and its slots, all offline. */
export function addSandbox(state: State, input: NewMemorySandbox): MemoryTaskSandbox {
  const sandbox: MemoryTaskSandbox = {
    id: input.id,
    name: input.name,
    environment: input.environment,
    labels: input.labels ?? {},
    capacity: input.capacity,
    state: input.state ?? "active",
    reachable: false,
    epoch: 0,
    target: null,
    targetSlots: null,
    planRevision: 1,
    unacknowledgedInARow: 0,
    quarantinedUntil: null,
    cordons: [],
    slots: [],
    generations: new Map(),
    session: null,
    open: new Set(),
  };
  state.sandboxes.set(sandbox.id, sandbox);
  ensureSlots(sandbox);
  return sandbox;
}

/** Moves along the transition table; staying where it is is no error. */
export function moveSandbox(state: State, sandboxId: string, to: SandboxState): boolean {
  const sandbox = mustSandbox(state, sandboxId);
  if (sandbox.state === to) return true;
  if (!canMove(sandboxTransitions, sandbox.state, to)) return false;
  sandbox.state = to;
  return true;
}

/** A smaller capacity removes empty slots only; busy ones beyond it go when they end. */
export function setCapacity(state: State, sandboxId: string, capacity: number): void {
  const sandbox = mustSandbox(state, sandboxId);
  sandbox.capacity = capacity;
  sandbox.planRevision += 1;
  ensureSlots(sandbox);
  dropSurplus(sandbox);
}

function ensureSlots(sandbox: MemoryTaskSandbox): void {
  for (let index = 0; index < sandbox.capacity; index += 1) {
    if (sandbox.slots.some((slot) => slot.index === index)) continue;
    sandbox.slots.push({ index, state: "offline", generation: null, taskId: null, fence: null });
  }
  sandbox.slots.sort((a, b) => a.index - b.index);
}

export function setReachable(state: State, sandboxId: string, isReachable: boolean): boolean {
  const sandbox = mustSandbox(state, sandboxId);
  if (sandbox.reachable === isReachable) return false;
  sandbox.reachable = isReachable;
  return true;
}

/** Adds this holder; another's cordon is untouched. */
export function addCordon(state: State, sandboxId: string, cordon: Omit<MemoryCordon, "createdAt">): void {
  const sandbox = mustSandbox(state, sandboxId);
  sandbox.planRevision += 1;
  const before = sandbox.cordons.find((one) => isHeldBy(one, cordon));
  if (before) before.reason = cordon.reason;
  else sandbox.cordons.push({ ...cordon, createdAt: state.clock.now() });
}

/** Lifts only this holder's cordon; true when there was one. */
export function removeCordon(
  state: State,
  sandboxId: string,
  holder: Pick<MemoryCordon, "holderKind" | "holderId">,
): boolean {
  const sandbox = mustSandbox(state, sandboxId);
  const count = sandbox.cordons.length;
  sandbox.planRevision += 1;
  sandbox.cordons = sandbox.cordons.filter((one) => !isHeldBy(one, holder));
  return sandbox.cordons.length < count;
}

function isHeldBy(cordon: MemoryCordon, holder: Pick<MemoryCordon, "holderKind" | "holderId">): boolean {
  return cordon.holderKind === holder.holderKind && cordon.holderId === holder.holderId;
}

/** Freed slots go to this generation from now on, at most `slots` of them. True when it changed. */
export function setTargetGeneration(
  state: State,
  sandboxId: string,
  generation: number | null,
  slots: number | null = null,
): boolean {
  const sandbox = mustSandbox(state, sandboxId);
  if (sandbox.target === generation && sandbox.targetSlots === slots) return false;
  sandbox.target = generation;
  sandbox.targetSlots = slots;
  sandbox.planRevision += 1;
  return true;
}

/** How many slots moved to a spare of the target: 0 or 1. */
export function handOverSlots(state: State, sandboxId: string): number {
  const sandbox = state.sandboxes.get(sandboxId);
  if (!sandbox || sandbox.target === null) return 0;
  return moveFreeSlot(sandbox, sandbox.target) ? 1 : 0;
}
