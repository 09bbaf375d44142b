import { finishedDataSchema } from "@valet/contracts";
import { eventsResult, type AttemptKey, type EventInput, type EventsResult, type Finish } from "@valet/shared";
import { completeAttempts } from "./complete.ts";
import type { MemoryAttempt } from "./model.ts";
import { attemptOf, isRunning, type State } from "./state.ts";

/**
 * Stores relayed journal entries, once each; `finished` ones end their attempts. What belongs to an older fence is kept as
 * evidence and changes nothing.
 */
export function recordEvents(
  state: State,
  { sandboxId, events }: { sandboxId: string; events: readonly EventInput[] },
): EventsResult {
  const ownOf = (ref: AttemptKey): MemoryAttempt | undefined => {
    const attempt = attemptOf(state.tasks.get(ref.taskId), ref.fence);
    return attempt?.sandboxId === sandboxId && attempt.leaseId === ref.leaseId ? attempt : undefined;
  };
  const isNewest = (ref: AttemptKey) => ownOf(ref) !== undefined && state.tasks.get(ref.taskId)?.fence === ref.fence;
  const finished = new Set<string>();
  const done = new Map<MemoryAttempt, number>();
  for (const event of events) {
    const attempt = ownOf(event);
    if (!attempt || attempt.events.has(event.seq)) continue;
    attempt.events.set(event.seq, { type: event.type, data: event.data });
    if (event.type === "finished") finished.add(event.taskId);
    const stepsDone = closePermit(attempt, event);
    if (stepsDone !== undefined) done.set(attempt, Math.max(done.get(attempt) ?? 0, stepsDone));
  }
  for (const [attempt, steps] of done) {
    const task = state.tasks.get(attempt.taskId);
    const counts = task?.fence === attempt.fence && isRunning(task) && !finished.has(attempt.taskId);
    if (task && counts && task.stepsDone < steps) task.stepsDone = steps;
  }
  const result = eventsResult(events, isNewest);
  const ends = events.filter((event) => event.type === "finished" && isNewest(event)).map(finishOf);
  completeAttempts(state, sandboxId, ends);
  return result;
}

/** The journalled outcome of a step closes its permit. Answers how far the attempt is by it. */
function closePermit(attempt: MemoryAttempt, { type, data }: EventInput): number | undefined {
  const { stepIndex } = data;
  if ((type !== "step_done" && type !== "step_failed") || typeof stepIndex !== "number") return undefined;
  const permit = attempt.permits.get(stepIndex);
  if (permit) permit.outcome ??= type === "step_done" ? "done" : "failed";
  return type === "step_done" ? stepIndex + 1 : undefined;
}

/** An unreadable end is an interruption: nobody knows how it went. */
function finishOf(event: EventInput): Finish {
  const ref = { taskId: event.taskId, fence: event.fence, leaseId: event.leaseId };
  const parsed = finishedDataSchema.safeParse(event.data);
  if (!parsed.success) return { ...ref, status: "interrupted", reason: "its finished event could not be read" };
  const { status, result, error } = parsed.data;
  return { ...ref, status, result, ...(error ? { error } : {}) };
}
