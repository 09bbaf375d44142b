import type { Environment } from "@valet/shared";
import type {
  MemoryAttempt,
  MemorySession,
  MemorySlot,
  MemoryTask,
  MemoryTasksOptions,
  MemoryTaskSandbox,
} from "./model.ts";

/** Everything a memory task store holds. */
export interface State extends MemoryTasksOptions {
  tasks: Map<string, MemoryTask>;
  sandboxes: Map<string, MemoryTaskSandbox>;
  sessions: Map<string, MemorySession>;
  /** Digests that hosts of an environment may take work on. */
  allowed: Map<Environment, Set<string>>;
  /** When each tenant was last served; 0: never. */
  lastServed: Map<string, number>;
  queued: Set<MemoryTask>;
  idempotency: Map<string, { bodyHash: string; taskId: string }>;
  beats: Map<string, { kind: "control" | "api"; at: number; resumedAt: number | null }>;
}

export function emptyState(options: MemoryTasksOptions): State {
  return {
    ...options,
    tasks: new Map(),
    sandboxes: new Map(),
    sessions: new Map(),
    allowed: new Map(),
    lastServed: new Map(),
    queued: new Set(),
    idempotency: new Map(),
    beats: new Map(),
  };
}

export function mustSandbox(state: State, sandboxId: string): MemoryTaskSandbox {
  const sandbox = state.sandboxes.get(sandboxId);
  if (!sandbox) throw new Error(`there is no sandbox ${sandboxId}`);
  return sandbox;
}

/** The attempt with this fence, wherever it runs. */
export function attemptOf(task: MemoryTask | undefined, fence: number): MemoryAttempt | undefined {
  // The newest is asked for nearly always.
  const last = task?.attempts.at(-1);
  return last?.fence === fence ? last : task?.attempts.find((attempt) => attempt.fence === fence);
}

export function slotHeldBy(sandbox: MemoryTaskSandbox, taskId: string, fence: number): MemorySlot | undefined {
  return sandbox.slots.find((slot) => slot.taskId === taskId && slot.fence === fence);
}

export function isRunning(task: MemoryTask): boolean {
  return task.state === "running" || task.state === "paused" || task.state === "needs_human";
}

/** Puts the task into the queue at its own place, whatever it did meanwhile. */
export function enqueue(state: State, task: MemoryTask, reason: string): void {
  task.state = "queued";
  task.stateReason = reason;
  task.sandboxId = null;
  task.queueKey = task.enqueuedAt - task.spec.priority * 1_000;
  state.queued.add(task);
}

export function leaveQueue(state: State, task: MemoryTask): void {
  task.queueKey = null;
  state.queued.delete(task);
}

export function avoidSandbox(task: MemoryTask, sandboxId: string): void {
  if (!task.avoid.includes(sandboxId)) task.avoid.push(sandboxId);
}

/** Ends an attempt; one that had ended keeps its time. */
export function endAttempt(
  state: State,
  attempt: MemoryAttempt,
  outcome: NonNullable<MemoryAttempt["outcome"]>,
  reason: string | null,
): void {
  attempt.endedAt ??= state.clock.now();
  attempt.outcome = outcome;
  attempt.reason = reason;
  state.sandboxes.get(attempt.sandboxId)?.open.delete(attempt);
}
