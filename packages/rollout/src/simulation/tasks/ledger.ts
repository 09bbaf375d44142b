import { assertNever, environments, freshMs, slotToMove } from "@valet/shared";
import type { Write } from "../../effect.ts";
import type { MemorySandbox, SandboxLedger } from "../../memory-store.ts";
import type { MemoryAttempt, MemoryTaskSandbox } from "./model.ts";
import { addCordon, moveSandbox, removeCordon, setTargetGeneration } from "./sandboxes.ts";
import { mustSandbox, type State } from "./state.ts";

/** Who holds a sandbox that health checks cannot reach. */
const unreachableHolder = "unreachable";

/** Sandboxes and allowed releases as the deploy engine sees and changes them. */
export function ledgerOf(state: State): SandboxLedger {
  return {
    sandboxFacts: () => [...state.sandboxes.values()].map((sandbox) => factsOf(state, sandbox)),
    allowedDigests: (environment) =>
      [...state.allowed].flatMap(([one, digests]) => (one === environment ? [...digests] : [])),
    allows(write) {
      if (write.kind === "claim_epoch") return mustSandbox(state, write.sandboxId).epoch < write.epoch;
      return write.kind !== "move_sandbox" || mustSandbox(state, write.sandboxId).state === write.from;
    },
    apply: (write, environment) => apply(state, write, environment),
  };
}

function factsOf(state: State, sandbox: MemoryTaskSandbox): MemorySandbox {
  const { session } = sandbox;
  const silent = sandbox.cordons.find((one) => one.holderKind === "health" && one.holderId === unreachableHolder);
  return {
    sandboxId: sandbox.id,
    name: sandbox.name,
    environment: sandbox.environment,
    state: sandbox.state,
    epoch: sandbox.epoch,
    targetGeneration: sandbox.target,
    targetSlots: sandbox.targetSlots,
    sessionLive: session !== null && session.lastHeartbeatAt > state.clock.now() - freshMs(state.times),
    unreachableSince: silent?.createdAt ?? null,
    slots: sandbox.slots.map(({ index, generation, state: slotState }) => ({ index, generation, state: slotState })),
    openAttempts: [...sandbox.open]
      .sort((a, b) => a.reservedAt - b.reservedAt || (a.taskId < b.taskId ? -1 : 1))
      .map((attempt) => ({
        taskId: attempt.taskId,
        generation: attempt.generation,
        requeueable: isRequeueable(state, attempt),
      })),
    cordons: sandbox.cordons.map(({ holderKind, holderId, reason }) => ({ holderKind, holderId, reason })),
  };
}

/** Stopping it costs nothing, and it was not interrupted before. */
function isRequeueable(state: State, attempt: MemoryAttempt): boolean {
  const task = state.tasks.get(attempt.taskId);
  return task?.interruptions === 0 && (task.spec.restart === "safe" || attempt.permits.size === 0);
}

function apply(state: State, write: Write, environment: string): void {
  switch (write.kind) {
    case "claim_epoch":
      mustSandbox(state, write.sandboxId).epoch = write.epoch;
      return;
    case "move_sandbox":
      if (!moveSandbox(state, write.sandboxId, write.to)) throw new Error(`a sandbox cannot go to ${write.to}`);
      return;
    case "cordon":
      addCordon(state, write.sandboxId, {
        holderKind: write.holderKind,
        holderId: write.holderId,
        reason: write.reason,
      });
      return;
    case "uncordon":
      removeCordon(state, write.sandboxId, write);
      return;
    case "set_target":
      setTargetGeneration(state, write.sandboxId, write.generation, write.slots);
      return;
    case "allow_release":
      allowedIn(state, environment).add(write.digest);
      return;
    case "disallow_release":
      allowedIn(state, environment).delete(write.digest);
      return;
    default:
      assertNever(write);
  }
}

/** The digests allowed in an environment, to be changed. */
export function allowedIn(state: State, environment: string): Set<string> {
  const known = environments.find((one) => one === environment);
  if (!known) throw new Error(`there is no environment ${environment}`);
  const digests = state.allowed.get(known) ?? new Set<string>();
  state.allowed.set(known, digests);
  return digests;
}

/** Sandboxes where `handOverSlots` has something to do. */
export function handOverCandidates(state: State): string[] {
  return [...state.sandboxes.values()].filter(canHandOver).map((sandbox) => sandbox.id);
}

function canHandOver({ target, targetSlots, slots, generations }: MemoryTaskSandbox): boolean {
  const generation = target === null ? undefined : generations.get(target);
  if (target === null || !generation?.spareReady || generation.state === "ended") return false;
  return slotToMove(slots, target, targetSlots) !== undefined;
}
