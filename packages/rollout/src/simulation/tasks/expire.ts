import {
  beatsMissed,
  countUnacknowledged,
  leasesToGiveUp,
  quarantineLeases,
  reasonToHold,
  type LeaseExpiry,
  type UnacknowledgedResult,
} from "@valet/shared";
import { completeAttempts } from "./complete.ts";
import type { MemoryAttempt, MemoryTaskSandbox } from "./model.ts";
import { keyOf } from "./sessions.ts";
import { avoidSandbox, endAttempt, enqueue, leaveQueue, slotHeldBy, type State } from "./state.ts";

/** Gives up attempts whose leases ran out, or holds when it looks like our own fault (F59). */
export function expireLeases(state: State): LeaseExpiry {
  const now = state.clock.now();
  const open = [...state.sandboxes.values()].flatMap((sandbox) =>
    [...sandbox.open].filter((attempt) => attempt.acknowledgedAt !== null),
  );
  const late = open
    .filter((attempt) => attempt.leaseExpiresAt < now)
    .sort((a, b) => compare(a.sandboxId, b.sandboxId) || compare(a.taskId, b.taskId))
    .map((attempt) => ({ attempt, isLongGone: attempt.leaseExpiresAt < now - state.times.leaseMs }));
  if (late.length === 0) return { expired: [], held: null };
  const reason = reasonToHold({ ...presence(state), count: late.length, open: open.length });
  const leaving = leasesToGiveUp(late, reason);
  const expired: string[] = [];
  for (const sandboxId of new Set(leaving.map(({ attempt }) => attempt.sandboxId))) {
    const own = leaving.filter(({ attempt }) => attempt.sandboxId === sandboxId);
    const finishes = own.map(({ attempt }) => ({
      ...keyOf(attempt),
      status: "lost" as const,
      reason: "its lease ran out",
    }));
    const ended = completeAttempts(state, sandboxId, finishes);
    expired.push(...ended.filter((one) => one.taken).map((one) => one.taskId));
  }
  return { expired, held: reason ? { count: late.length, open: open.length, reason } : null };
}

/** A sign that part of the control plane is awake; a gap before it gives every lease its full time again. */
export function beat(state: State, { kind, id }: { kind: "control" | "api"; id: string }): void {
  const now = state.clock.now();
  const ofKind = [...state.beats.values()].filter((one) => one.kind === kind).map((one) => one.at);
  const isBack = ofKind.length > 0 && Math.max(...ofKind) < now - state.times.heartbeatMs * beatsMissed;
  const before = state.beats.get(id);
  state.beats.set(id, { kind: before?.kind ?? kind, at: now, resumedAt: isBack ? now : (before?.resumedAt ?? null) });
}

function presence(state: State): { isApiAway: boolean; isControlAway: boolean; isInGrace: boolean } {
  const now = state.clock.now();
  const beats = [...state.beats.values()];
  const isAway = (kind: "control" | "api"): boolean => {
    const own = beats.filter((one) => one.kind === kind).map((one) => one.at);
    return own.length > 0 && Math.max(...own) < now - state.times.heartbeatMs * beatsMissed;
  };
  const isInGrace = beats.some((one) => one.resumedAt !== null && now < one.resumedAt + state.times.leaseMs);
  return { isApiAway: isAway("api"), isControlAway: isAway("control"), isInGrace };
}

/** Assignments that nobody acknowledged in time go back to the queue at no cost, and avoid that sandbox. */
export function expireUnacknowledged(state: State): UnacknowledgedResult {
  const result: UnacknowledgedResult = { requeued: [], quarantined: [] };
  const sandboxes = [...state.sandboxes.values()].sort((a, b) => compare(a.id, b.id));
  for (const sandbox of sandboxes) {
    const late = [...sandbox.open].filter((attempt) => isUnacknowledged(state, attempt));
    const requeued = late.filter((attempt) => takeBack(state, sandbox, attempt)).map((attempt) => attempt.taskId);
    result.requeued.push(...requeued);
    if (requeued.length > 0 && quarantines(state, sandbox, requeued.length)) result.quarantined.push(sandbox.id);
  }
  return result;
}

function isUnacknowledged(state: State, attempt: MemoryAttempt): boolean {
  return attempt.acknowledgedAt === null && attempt.reservedAt < state.clock.now() - state.times.acknowledgeMs;
}

function takeBack(state: State, sandbox: MemoryTaskSandbox, attempt: MemoryAttempt): boolean {
  const reason = "nobody acknowledged it in time";
  const task = state.tasks.get(attempt.taskId);
  endAttempt(state, attempt, "unacknowledged", reason);
  const slot = slotHeldBy(sandbox, attempt.taskId, attempt.fence);
  if (slot?.state === "reserved") Object.assign(slot, { state: "accepting", taskId: null, fence: null });
  if (!task || task.fence !== attempt.fence || task.state !== "assigned") return false;
  enqueue(state, task, reason);
  avoidSandbox(task, sandbox.id);
  return true;
}

function quarantines(state: State, sandbox: MemoryTaskSandbox, count: number): boolean {
  const now = state.clock.now();
  const counted = countUnacknowledged(sandbox.unacknowledgedInARow, count);
  sandbox.unacknowledgedInARow = counted.inARow;
  if (counted.quarantines) sandbox.quarantinedUntil = now + state.times.leaseMs * quarantineLeases;
  return sandbox.quarantinedUntil !== null && sandbox.quarantinedUntil > now;
}

/** Tasks that waited longer than their queueTimeoutMs. */
export function expireQueued(state: State): string[] {
  const now = state.clock.now();
  const late = [...state.queued].filter((task) => task.queueExpiresAt < now);
  const message = "waited longer than its queueTimeoutMs";
  for (const task of late) {
    leaveQueue(state, task);
    task.state = "expired";
    task.stateReason = message;
    task.error = { code: "expired", message };
    task.endedAt = now;
  }
  return late.map((task) => task.id);
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
