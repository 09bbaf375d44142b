import { canMove, err, ok, taskTransitions, type TaskState } from "@valet/shared";
import type { MemoryTask, MemoryTasks, TaskRequest } from "./model.ts";
import { attemptOf, endAttempt, enqueue, isRunning, leaveQueue, slotHeldBy, type State } from "./state.ts";
import { submitTask } from "./submit.ts";

type Requester = Parameters<MemoryTasks["requestCancel"]>[1];

/** A waiting task is cancelled at once, a reserved one too since nothing has started; a running one is told to stop. */
export function requestCancel(state: State, taskId: string, who: Requester): TaskRequest {
  const task = find(state, taskId, who.tenantId);
  if (!task) return unknown(taskId);
  const reason = `cancelled by ${who.actor}`;
  if (isRunning(task)) {
    task.cancelRequested = true;
    return ok(task);
  }
  if (task.state === "cancelled") return ok(task);
  if (!canMove(taskTransitions, task.state, "cancelled")) return illegal(task.state, "cancelled");
  if (task.state === "assigned") undoReservation(state, task, reason);
  settle(state, task, "cancelled", reason);
  return ok(task);
}

/** Queues the same work as a new task. The old one stays as it is. */
export function retryTask(state: State, taskId: string, who: Requester): TaskRequest {
  const task = find(state, taskId, who.tenantId);
  if (!task) return unknown(taskId);
  if (!["failed", "cancelled", "timed_out", "expired"].includes(task.state)) return illegal(task.state, "queued");
  const submitted = submitTask(state, { tenantId: task.tenantId, environment: task.environment, spec: task.spec });
  if (!submitted.ok) throw new Error(submitted.error.message);
  return ok(submitted.value.task);
}

/** Someone looked at a task in `needs_review` and decided. */
export function reviewTask(state: State, taskId: string, input: Parameters<MemoryTasks["reviewTask"]>[1]): TaskRequest {
  const task = find(state, taskId, input.tenantId);
  if (!task) return unknown(taskId);
  const to = input.decision === "restart" ? "queued" : input.decision;
  if (task.state !== "needs_review") return illegal(task.state, to);
  settle(state, task, to, `reviewed by ${input.actor}${input.note ? `: ${input.note}` : ""}`);
  return ok(task);
}

/** Handing to a person and back. */
export function applyTaskCallback(
  state: State,
  taskId: string,
  callback: Parameters<MemoryTasks["applyTaskCallback"]>[1],
): TaskRequest {
  const task = find(state, taskId);
  if (!task) return unknown(taskId);
  const to = callback.status === "needs_human" ? "needs_human" : "running";
  if (task.state === to || task.state === "assigned" || !canMove(taskTransitions, task.state, to)) return ok(task);
  task.state = to;
  task.stateReason = callback.instructions ?? "";
  return ok(task);
}

function undoReservation(state: State, task: MemoryTask, reason: string): void {
  const attempt = attemptOf(task, task.fence);
  const sandbox = state.sandboxes.get(task.sandboxId ?? "");
  if (!attempt || !sandbox) return;
  if (attempt.endedAt === null) endAttempt(state, attempt, "cancelled", reason);
  const slot = slotHeldBy(sandbox, task.id, task.fence);
  if (slot?.state === "reserved") Object.assign(slot, { state: "accepting", taskId: null, fence: null });
}

/** Moves a task nobody runs. */
function settle(state: State, task: MemoryTask, to: TaskState, reason: string): void {
  const now = state.clock.now();
  leaveQueue(state, task);
  if (to === "completed" || to === "queued") task.error = null;
  if (to !== "queued") {
    task.state = to;
    task.stateReason = reason;
    task.endedAt = now;
    return;
  }
  enqueue(state, task, reason);
  task.stepsDone = 0;
  task.queueExpiresAt = now + task.spec.queueTimeoutMs;
  task.endedAt = null;
}

function find(state: State, taskId: string, tenantId?: string): MemoryTask | undefined {
  const task = state.tasks.get(taskId);
  return tenantId === undefined || task?.tenantId === tenantId ? task : undefined;
}

function unknown(taskId: string): TaskRequest {
  return err({ kind: "unknown_task", message: `there is no task ${taskId}` });
}

function illegal(from: TaskState, to: TaskState): TaskRequest {
  return err({ kind: "illegal_transition", from, to, message: `a task cannot go from ${from} to ${to}` });
}
