import { endOf, freedSlots, roomAtTarget, type Completed, type End, type Finish } from "@valet/shared";
import type { MemoryTaskSandbox } from "./model.ts";
import {
  attemptOf,
  avoidSandbox,
  endAttempt,
  enqueue,
  leaveQueue,
  mustSandbox,
  slotHeldBy,
  type State,
} from "./state.ts";

/** Ends attempts of one sandbox and decides what becomes of their tasks and slots. */
export function completeAttempts(state: State, sandboxId: string, finishes: readonly Finish[]): Completed[] {
  if (finishes.length === 0) return [];
  const sandbox = mustSandbox(state, sandboxId);
  const freed: Finish[] = [];
  const completed = finishes.map((finish): Completed => {
    const task = state.tasks.get(finish.taskId);
    const attempt = attemptOf(task, finish.fence);
    const isHere = attempt?.sandboxId === sandboxId;
    const end =
      task && attempt && isHere
        ? endOf(
            finish,
            {
              state: task.state,
              newestFence: task.fence,
              restart: task.spec.restart,
              maxAttempts: task.spec.retry.maxAttempts,
              attemptCount: task.attemptCount,
              interruptions: task.interruptions,
              cancelRequested: task.cancelRequested,
            },
            { leaseId: attempt.leaseId, isOpen: attempt.endedAt === null, hasPermit: attempt.permits.size > 0 },
          )
        : undefined;
    if (end) writeEnd(state, sandboxId, end);
    if (end?.isOpen) freed.push(finish);
    return { taskId: finish.taskId, fence: finish.fence, taken: end !== undefined, state: task?.state ?? "failed" };
  });
  if (freed.length > 0) freeSlots(sandbox, freed);
  return completed;
}

function writeEnd(state: State, sandboxId: string, { finish, decision }: End): void {
  const task = state.tasks.get(finish.taskId);
  const attempt = attemptOf(task, finish.fence);
  if (!task || !attempt) throw new Error(`attempt ${finish.fence} of task ${finish.taskId} is gone`);
  const now = state.clock.now();
  endAttempt(state, attempt, finish.status, finish.reason ?? finish.error?.message ?? null);
  if (finish.result) task.result = finish.result;
  task.error = decision.error;
  if (decision.isFree) task.interruptions += 1;
  leaveQueue(state, task);
  if (decision.to === "queued") {
    enqueue(state, task, decision.reason);
    task.stepsDone = 0;
    task.queueExpiresAt = now + task.spec.queueTimeoutMs;
    task.endedAt = null;
    avoidSandbox(task, sandboxId);
    return;
  }
  task.state = decision.to;
  task.stateReason = decision.reason;
  task.endedAt = decision.to === "needs_review" ? null : now;
  if (decision.to === "completed") task.stepsDone = task.spec.steps.length;
}

/** The slots of attempts that ended just now; they may go to the target generation by it. */
function freeSlots(sandbox: MemoryTaskSandbox, finishes: readonly Finish[]): void {
  const slots = finishes
    .flatMap((finish) => slotHeldBy(sandbox, finish.taskId, finish.fence) ?? [])
    .sort((a, b) => a.index - b.index);
  const target = sandbox.target === null ? undefined : sandbox.generations.get(sandbox.target);
  const { freed, usesSpare, changesPlan } = freedSlots(
    slots.map(({ index, generation }) => ({ id: String(index), generation })),
    sandbox.target,
    target && target.state !== "ended" ? target.spareReady : undefined,
    roomAtTarget(sandbox.slots, sandbox.target, sandbox.targetSlots),
  );
  slots.forEach((slot, place) => {
    slot.state = freed[place]?.state ?? "renewing";
    slot.generation = freed[place]?.generation ?? null;
    slot.taskId = null;
    slot.fence = null;
  });
  if (changesPlan) sandbox.planRevision += 1;
  if (usesSpare && target) target.spareReady = false;
  if (slots.some((slot) => slot.index >= sandbox.capacity)) dropSurplus(sandbox);
}

/** Empty slots beyond the capacity, which was lowered. */
export function dropSurplus(sandbox: MemoryTaskSandbox): void {
  sandbox.slots = sandbox.slots.filter((slot) => slot.index < sandbox.capacity || slot.taskId !== null);
}
