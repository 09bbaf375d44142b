import { freshMs, type EligibleSandbox, type Environment } from "@valet/shared";
import type { MemorySlot, MemoryTaskSandbox } from "./model.ts";
import type { State } from "./state.ts";

/** Sandboxes with at least one free slot. The database looks at a part of a fleet of more than a hundred, here it is always all. */
export function sandboxesWithFreeSlots(state: State, environment: Environment | undefined): EligibleSandbox[] {
  const found: EligibleSandbox[] = [];
  for (const sandbox of state.sandboxes.values()) {
    if (environment !== undefined && sandbox.environment !== environment) continue;
    if (!isInService(state, sandbox)) continue;
    const freeSlots = sandbox.slots.flatMap(({ index, state: slotState, generation }) =>
      slotState === "accepting" && isUsable(state, sandbox, generation) ? [{ index, generation: generation ?? 0 }] : [],
    );
    if (freeSlots.length === 0) continue;
    const { id, labels, planRevision } = sandbox;
    found.push({ id, environment: sandbox.environment, labels, planRevision, freeSlots });
  }
  return found;
}

/** Sandboxes that could take work, free or busy. */
export function eligibleSandboxes(state: State): MemoryTaskSandbox[] {
  const isOn = (sandbox: MemoryTaskSandbox, slot: MemorySlot) =>
    slot.state !== "offline" && isUsable(state, sandbox, slot.generation);
  return [...state.sandboxes.values()].filter(
    (sandbox) => isInService(state, sandbox) && sandbox.slots.some((slot) => isOn(sandbox, slot)),
  );
}

/** In service, reachable, not cordoned or quarantined, with a session that was heard of lately. */
function isInService(state: State, sandbox: MemoryTaskSandbox): boolean {
  const now = state.clock.now();
  return (
    (sandbox.state === "active" || sandbox.state === "deploying") &&
    sandbox.reachable &&
    (sandbox.quarantinedUntil === null || sandbox.quarantinedUntil < now) &&
    sandbox.cordons.length === 0 &&
    sandbox.session !== null &&
    sandbox.session.lastHeartbeatAt > now - freshMs(state.times)
  );
}

/** The generation accepts, and runs a release that its environment allows (F28). */
function isUsable(state: State, sandbox: MemoryTaskSandbox, number: number | null): boolean {
  const generation = number === null ? undefined : sandbox.generations.get(number);
  if (!generation?.accepting || generation.state === "ended") return false;
  return state.allowed.get(sandbox.environment)?.has(generation.imageDigest) ?? false;
}
