import { err, ok, placementText, type Result } from "@valet/shared";
import type { IdempotencyConflict, MemoryTask, NewMemoryTask } from "./model.ts";
import { enqueue, type State } from "./state.ts";

/** Queues a task. A key that was used before gives the same task again, or a conflict when the body differs. */
export function submitTask(
  state: State,
  input: NewMemoryTask,
): Result<{ task: MemoryTask; replayed: boolean }, IdempotencyConflict> {
  const key = input.idempotencyKey === undefined ? undefined : `${input.tenantId} ${input.idempotencyKey}`;
  const earlier = key === undefined ? undefined : state.idempotency.get(key);
  if (earlier) return replay(state, input, earlier);
  const task = newTask(state, input);
  state.tasks.set(task.id, task);
  if (!state.lastServed.has(task.tenantId)) state.lastServed.set(task.tenantId, 0);
  enqueue(state, task, "");
  if (key !== undefined) state.idempotency.set(key, { bodyHash: input.bodyHash ?? "", taskId: task.id });
  return ok({ task, replayed: false });
}

function replay(
  state: State,
  input: NewMemoryTask,
  earlier: { bodyHash: string; taskId: string },
): Result<{ task: MemoryTask; replayed: boolean }, IdempotencyConflict> {
  const task = state.tasks.get(earlier.taskId);
  if (task && earlier.bodyHash === (input.bodyHash ?? "")) return ok({ task, replayed: true });
  const message = `this Idempotency-Key was used for another body, which became task ${earlier.taskId}`;
  return err({ kind: "idempotency_conflict", taskId: earlier.taskId, message });
}

function newTask(state: State, { tenantId, environment, spec }: NewMemoryTask): MemoryTask {
  const now = state.clock.now();
  return {
    id: state.ids(),
    place: state.tasks.size,
    tenantId,
    environment,
    spec,
    key: placementText(spec.placement),
    state: "queued",
    stateReason: "",
    stepsDone: 0,
    fence: 0,
    attemptCount: 0,
    interruptions: 0,
    avoid: [],
    cancelRequested: false,
    result: null,
    error: null,
    sandboxId: null,
    enqueuedAt: now,
    queueKey: null,
    queueExpiresAt: now + spec.queueTimeoutMs,
    startedAt: null,
    endedAt: null,
    attempts: [],
  };
}
