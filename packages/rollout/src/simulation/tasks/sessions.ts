import {
  err,
  ok,
  type Acknowledged,
  type AssignmentRow,
  type AttemptKey,
  type Result,
  type SlotPlanRow,
  type StaleFence,
} from "@valet/shared";
import type { MemoryAttempt, MemorySession, MemoryTaskSandbox, SessionNews } from "./model.ts";
import { attemptOf, mustSandbox, slotHeldBy, type State } from "./state.ts";

/** Opens the one live session of a sandbox; the one before it is closed in the same moment. The sandbox becomes reachable. */
export function openSession(state: State, sandboxId: string): MemorySession {
  const sandbox = mustSandbox(state, sandboxId);
  if (sandbox.session) sandbox.session.isClosed = true;
  const session = { id: state.ids(), sandboxId, lastHeartbeatAt: state.clock.now(), isClosed: false };
  state.sessions.set(session.id, session);
  sandbox.session = session;
  sandbox.reachable = true;
  return session;
}

/** False: it was closed or replaced before. */
export function closeSession(state: State, sessionId: string): boolean {
  const session = state.sessions.get(sessionId);
  if (!session || session.isClosed) return false;
  session.isClosed = true;
  mustSandbox(state, session.sandboxId).session = null;
  return true;
}

/** A sign of life outside of a heartbeat. False: closed or replaced. */
export function touchSession(state: State, sessionId: string): boolean {
  const session = state.sessions.get(sessionId);
  if (!session || session.isClosed) return false;
  session.lastHeartbeatAt = state.clock.now();
  return true;
}

/** All that a sandbox's long-poll may have to tell. */
export function sessionNews(state: State, sandboxId: string): SessionNews | undefined {
  const sandbox = state.sandboxes.get(sandboxId);
  if (!sandbox) return undefined;
  return {
    sandboxId,
    sessionId: sandbox.session?.id ?? null,
    assignments: assignmentsFor(state, sandboxId, { unacknowledgedOnly: true }),
    cancel: cancelsFor(state, sandboxId),
    plan: planOf(sandbox),
  };
}

export function planOf(sandbox: MemoryTaskSandbox): SlotPlanRow {
  return {
    revision: sandbox.planRevision,
    target: sandbox.target,
    slots: sandbox.slots.map(({ index, generation }) => ({ index, generation })),
    draining: sandbox.cordons.length > 0,
  };
}

/** Open attempts of a sandbox; with `unacknowledgedOnly` what its long-poll is to hear about. */
export function assignmentsFor(
  state: State,
  sandboxId: string,
  { unacknowledgedOnly = false }: { unacknowledgedOnly?: boolean } = {},
): AssignmentRow[] {
  return [...(state.sandboxes.get(sandboxId)?.open ?? [])]
    .filter((attempt) => !unacknowledgedOnly || attempt.acknowledgedAt === null)
    .sort((a, b) => a.reservedAt - b.reservedAt || a.slot - b.slot)
    .map((attempt) => assignmentOf(state, attempt));
}

function assignmentOf(state: State, attempt: MemoryAttempt): AssignmentRow {
  const task = state.tasks.get(attempt.taskId);
  if (!task) throw new Error(`attempt ${attempt.fence} belongs to no task`);
  const acknowledged = attempt.acknowledgedAt !== null;
  return {
    ...keyOf(attempt),
    attempt: acknowledged ? attempt.number : task.attemptCount + 1,
    slot: attempt.slot,
    generation: attempt.generation,
    acknowledged,
    spec: task.spec as unknown as Record<string, unknown>,
  };
}

/** Open attempts whose cancellation was asked for. */
export function cancelsFor(state: State, sandboxId: string): AttemptKey[] {
  return [...(state.sandboxes.get(sandboxId)?.open ?? [])]
    .filter((attempt) => state.tasks.get(attempt.taskId)?.cancelRequested)
    .sort((a, b) => (a.taskId < b.taskId ? -1 : 1))
    .map(keyOf);
}

/** The sandbox took the attempt: task `running`, slot `occupied`. Again for the same open attempt: the same answer. */
export function acknowledge(
  state: State,
  { sandboxId, ref }: { sandboxId: string; ref: AttemptKey },
): Result<Acknowledged, StaleFence> {
  const sandbox = state.sandboxes.get(sandboxId);
  // Whatever it acknowledges, it answers.
  if (sandbox) sandbox.unacknowledgedInARow = 0;
  const task = state.tasks.get(ref.taskId);
  const attempt = attemptOf(task, ref.fence);
  const isOpen = attempt?.leaseId === ref.leaseId && attempt.sandboxId === sandboxId && attempt.endedAt === null;
  if (!sandbox || !task || !attempt || !isOpen || task.fence !== attempt.fence) {
    const message = `attempt ${ref.fence} of task ${ref.taskId} is not this sandbox's any more`;
    return err({ kind: "stale_fence", message });
  }
  const now = state.clock.now();
  if (attempt.acknowledgedAt === null) {
    attempt.acknowledgedAt = now;
    attempt.number = task.attemptCount + 1;
  }
  attempt.leaseExpiresAt = now + state.times.leaseMs;
  attempt.workerBootId ??= sandbox.generations.get(attempt.generation)?.workerBootId ?? null;
  if (task.state === "assigned") {
    task.state = "running";
    task.stateReason = "";
    task.attemptCount = attempt.number;
    task.startedAt ??= now;
  }
  const slot = slotHeldBy(sandbox, ref.taskId, ref.fence);
  if (slot?.state === "reserved") slot.state = "occupied";
  return ok({ attempt: attempt.number, leaseExpiresInMs: state.times.leaseMs });
}

export function keyOf({ taskId, fence, leaseId }: AttemptKey): AttemptKey {
  return { taskId, fence, leaseId };
}
