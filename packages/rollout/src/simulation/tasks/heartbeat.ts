import {
  changedSlots,
  err,
  mergeReports,
  ok,
  slotToMove,
  sortAttempts,
  withUsableSpares,
  type AttemptKey,
  type HeartbeatInput,
  type HeartbeatResult,
  type OpenAttempt,
  type Result,
  type SessionClosed,
  type SortedAttempts,
  type StoredGeneration,
} from "@valet/shared";
import { completeAttempts } from "./complete.ts";
import type { MemorySession, MemoryTaskSandbox } from "./model.ts";
import { keyOf, planOf } from "./sessions.ts";
import { attemptOf, type State } from "./state.ts";

export interface HeartbeatCall {
  sandboxId: string;
  sessionId: string;
  heartbeat: HeartbeatInput;
}

const endedShownMs = 3_600_000;

/** Takes in what one sandbox reports: renews leases, follows slots and generations, hands slots over, proves deaths. */
export function applyHeartbeat(state: State, call: HeartbeatCall): Result<HeartbeatResult, SessionClosed> {
  const { sandboxId, sessionId, heartbeat } = call;
  const sandbox = state.sandboxes.get(sandboxId);
  const session = sandbox?.session;
  if (!sandbox || !session || session.id !== sessionId) {
    return err({ kind: "session_closed", message: "this session was closed or replaced by a newer one" });
  }
  const owned = sandbox.slots.map(({ index, state: slotState, generation }) => ({
    index,
    state: slotState,
    generation,
  }));
  const known = storeReports(state, sandbox, withUsableSpares(heartbeat, owned));
  const sorted = sortAttempts(openAttempts(state, sandbox), heartbeat, known, state.times.confirmFreshMs);
  renew(state, sandbox, session, heartbeat, sorted);
  sandbox.reachable = true;
  for (const changed of changedSlots(owned, heartbeat, known, state.times.confirmFreshMs)) {
    const slot = sandbox.slots.find((one) => one.index === changed.index);
    if (slot && slot.taskId === null) slot.state = changed.state;
  }
  const reason = "its GH worker was started anew and does not run it";
  const finishes = sorted.dead.map((dead) => ({ ...keyOf(dead), status: "lost" as const, reason }));
  completeAttempts(state, sandboxId, finishes);
  const { target } = sandbox;
  const report = heartbeat.generations.find((one) => one.generation === target);
  const isElsewhere = owned.some((slot) => slot.generation !== target);
  if (target !== null && isElsewhere && report?.reachable) moveFreeSlot(sandbox, target);
  return ok({
    renewed: sorted.renew.map(keyOf),
    lost: takenOver(state, sandboxId, sorted),
    cancel: sorted.cancel.map(keyOf),
    plan: planOf(sandbox),
  });
}

/** Start-first: a free slot of another generation becomes the target's, when that has a spare browser ready. */
export function moveFreeSlot(sandbox: MemoryTaskSandbox, target: number): boolean {
  const generation = sandbox.generations.get(target);
  if (!generation?.spareReady || generation.state === "ended") return false;
  const slot = slotToMove(sandbox.slots, target, sandbox.targetSlots);
  if (!slot) return false;
  slot.generation = target;
  slot.state = "accepting";
  generation.spareReady = false;
  sandbox.planRevision += 1;
  return true;
}

function storeReports(
  state: State,
  sandbox: MemoryTaskSandbox,
  reports: HeartbeatInput["generations"],
): StoredGeneration[] {
  const now = state.clock.now();
  const stored: StoredGeneration[] = [];
  for (const { bootSeenAt, reportedAt, ...generation } of sandbox.generations.values()) {
    if (generation.state === "ended" && reportedAt <= now - endedShownMs) continue;
    stored.push({ ...generation, bootSeenMs: now - bootSeenAt, silentMs: now - reportedAt });
  }
  const { all, changed } = mergeReports(reports, stored);
  for (const { bootSeenMs, silentMs, ...one } of changed) {
    const before = sandbox.generations.get(one.number);
    const isSameBoot =
      before && before.workerBootId === one.workerBootId && (before.state === "ended") === (one.state === "ended");
    const bootSeenAt = isSameBoot ? before.bootSeenAt : now - (before ? 0 : (bootSeenMs ?? 0));
    const reportedAt = Math.max(before?.reportedAt ?? 0, now - silentMs);
    sandbox.generations.set(one.number, { ...one, bootSeenAt, reportedAt });
  }
  return all;
}

function openAttempts(state: State, sandbox: MemoryTaskSandbox): OpenAttempt[] {
  return [...sandbox.open].map((attempt) => ({
    ...keyOf(attempt),
    generation: attempt.generation,
    workerBootId: attempt.workerBootId,
    isAcknowledged: attempt.acknowledgedAt !== null,
    cancelRequested: state.tasks.get(attempt.taskId)?.cancelRequested ?? false,
  }));
}

/** What every heartbeat writes: session, leases, and when each generation was last heard of. */
function renew(
  state: State,
  sandbox: MemoryTaskSandbox,
  session: MemorySession,
  heartbeat: HeartbeatInput,
  { renew: renewed, boots }: SortedAttempts,
): void {
  const now = state.clock.now();
  session.lastHeartbeatAt = now;
  for (const report of heartbeat.generations) {
    const generation = report.reachable ? sandbox.generations.get(report.generation) : undefined;
    if (generation) generation.reportedAt = now;
  }
  for (const ref of renewed) {
    const attempt = attemptOf(state.tasks.get(ref.taskId), ref.fence);
    if (!attempt) continue;
    attempt.leaseExpiresAt = now + state.times.leaseMs;
    const boot = boots.findLast((one) => one.taskId === ref.taskId && one.fence === ref.fence);
    if (boot) attempt.workerBootId = boot.workerBootId;
  }
}

/** Of the attempts that are not open here: those that somebody else may own now. Ended by their own report is not lost. */
function takenOver(state: State, sandboxId: string, { foreign, dead }: SortedAttempts): AttemptKey[] {
  const lost = foreign.filter((ref) => {
    const task = state.tasks.get(ref.taskId);
    const attempt = attemptOf(task, ref.fence);
    if (!task || attempt?.leaseId !== ref.leaseId || attempt.sandboxId !== sandboxId) return true;
    return task.fence > attempt.fence || ["lost", "unacknowledged", "cancelled"].includes(attempt.outcome ?? "");
  });
  return [...dead.map(keyOf), ...lost];
}
