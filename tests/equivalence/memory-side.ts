import { canonicalJson, type Result } from "@valet/shared";
import type { MemoryTask, MemoryTasks } from "../../packages/rollout/src/simulation/tasks/model.ts";
import { holderOf, noNames, type Handlers, type Names } from "./calls.ts";
import { keyIn, noteLease, notePermit, noteSession } from "./names.ts";

/** The memory store behind the calls that both stores are given. */
export function memorySide(tasks: MemoryTasks): { names: Names; handlers: Handlers } {
  const names = noNames();
  const session = (place: number): string => names.sessions[place] ?? "no-such-session";
  const handlers: Handlers = {
    sandbox: ({ id = "", name, capacity, labels, environment }) =>
      tasks.addSandbox({ id, name, capacity, labels, environment }).id,
    openSession: ({ sandboxId }) => noteSession(names, tasks.openSession(sandboxId).id),
    closeSession: (call) => tasks.closeSession(session(call.session)),
    touchSession: (call) => tasks.touchSession(session(call.session)),
    release: ({ environment, digest, isAllowed }) =>
      isAllowed ? tasks.allowRelease(environment, digest) : tasks.disallowRelease(environment, digest),
    target: ({ sandboxId, generation, slots }) => tasks.setTargetGeneration(sandboxId, generation, slots),
    heartbeat: ({ sandboxId, session: place, heartbeat }) =>
      tasks.applyHeartbeat({
        sandboxId,
        sessionId: session(place),
        heartbeat: {
          ...heartbeat,
          attempts: heartbeat.attempts.map((ref) => keyIn(names, ref)),
          generations: heartbeat.generations.map((report) => ({
            ...report,
            attempts: report.attempts.map((ref) => ({ ...keyIn(names, ref), confirmedAgoMs: 0, frozen: false })),
          })),
        },
      }),
    submit: ({ tenantId, environment, spec, key, body }) => {
      const keyed = key === null ? {} : { idempotencyKey: key, bodyHash: body };
      const submitted = tasks.submitTask({ tenantId, environment, spec, ...keyed });
      return submitted.ok
        ? { ok: true, task: taskView(submitted.value.task), replayed: submitted.value.replayed }
        : submitted;
    },
    reserve: ({ limit, environment }) => {
      const reserved = tasks.reserveTasks(environment === null ? { limit } : { limit, environment });
      for (const reservation of reserved.reservations) noteLease(names, reservation);
      return reserved;
    },
    acknowledge: ({ sandboxId, ref }) => tasks.acknowledge({ sandboxId, ref: keyIn(names, ref) }),
    permit: ({ sandboxId, ref, stepIndex, workerBootId }) => {
      const granted = tasks.grantPermit({ sandboxId, ref: keyIn(names, ref), stepIndex, workerBootId });
      if (granted.ok) notePermit(names, granted.value.permitId);
      return granted;
    },
    events: ({ sandboxId, events }) =>
      tasks.recordEvents({
        sandboxId,
        events: events.map(({ ref, ...event }) => ({ ...event, ...keyIn(names, ref) })),
      }),
    complete: ({ sandboxId, ref, status }) =>
      tasks.completeAttempts(sandboxId, [{ ...keyIn(names, ref), status, reason: "told so" }]),
    expireUnacknowledged: () => tasks.expireUnacknowledged(),
    expireLeases: () => tasks.expireLeases(),
    expireQueued: () => ({ ids: tasks.expireQueued() }),
    beat: ({ kind, id }) => tasks.beat({ kind, id }),
    cordon: ({ sandboxId, holder }) =>
      tasks.addCordon(sandboxId, { holderKind: holder, holderId: holderOf(holder), reason: "test" }),
    uncordon: ({ sandboxId, holder }) =>
      tasks.removeCordon(sandboxId, { holderKind: holder, holderId: holderOf(holder) }),
    handOver: ({ sandboxId }) => tasks.handOverSlots(sandboxId),
    request: (call) => requestView(request(tasks, call)),
    capacity: ({ sandboxId, capacity }) => tasks.setCapacity(sandboxId, capacity),
    reachable: ({ sandboxId, isReachable }) => tasks.setReachable(sandboxId, isReachable),
    move: ({ sandboxId, to }) => tasks.moveSandbox(sandboxId, to),
    look: ({ sandboxId }) => ({
      open: tasks.assignmentsFor(sandboxId),
      waiting: tasks.assignmentsFor(sandboxId, { unacknowledgedOnly: true }),
      toCancel: tasks.cancelsFor(sandboxId),
      news: tasks.sessionNews(sandboxId),
      plan: tasks.slotPlan(sandboxId),
      facts: factsOf(tasks, sandboxId),
      ids: tasks.handOverCandidates(),
    }),
  };
  return { names, handlers };
}

/** As the deploy engine sees the sandbox. */
function factsOf(tasks: MemoryTasks, sandboxId: string): unknown {
  const found = tasks.sandboxFacts().find((one) => one.sandboxId === sandboxId);
  return found && { ...found, environment: undefined };
}

function request(
  tasks: MemoryTasks,
  { taskId, what, tenantId }: Parameters<Handlers["request"]>[0],
): ReturnType<MemoryTasks["requestCancel"]> {
  const who = { actor: "somebody", ...(tenantId === null ? {} : { tenantId }) };
  switch (what) {
    case "cancel":
      return tasks.requestCancel(taskId, who);
    case "retry":
      return tasks.retryTask(taskId, who);
    case "needs_human":
      return tasks.applyTaskCallback(taskId, { status: what, instructions: "look" });
    case "resumed":
      return tasks.applyTaskCallback(taskId, { status: what });
    default:
      return tasks.reviewTask(taskId, { ...who, decision: what, note: "seen" });
  }
}

function requestView(result: Result<MemoryTask, unknown>): unknown {
  return result.ok ? { ok: true, task: taskView(result.value) } : result;
}

/** A task as both stores show it. */
function taskView(task: MemoryTask): Record<string, unknown> {
  const { id, tenantId, environment, state, stateReason, stepsDone, attemptCount, interruptions, fence } = task;
  const { cancelRequested, result, error, sandboxId, enqueuedAt, startedAt, endedAt } = task;
  return {
    ...{ id, tenantId, environment, state, stateReason, stepsDone, attemptCount, interruptions, fence },
    ...{ cancelRequested, result, error, sandboxId, enqueuedAt, startedAt, endedAt },
  };
}

/** The whole state, in the form in which the database tells its own. */
export function memoryState(tasks: MemoryTasks): Record<string, unknown> {
  const all = [...tasks.tasks.values()];
  const boxes = [...tasks.sandboxes.values()];
  const attempts = all.flatMap((task) => task.attempts);
  return {
    tasks: sorted(
      all.map((task) => ({
        ...taskView(task),
        queueKey: task.queueKey,
        queueExpiresAt: task.queueExpiresAt,
        avoid: task.avoid,
        restart: task.spec.restart,
      })),
    ),
    attempts: sorted(attempts.map(({ permits: _permits, events: _events, ...attempt }) => attempt)),
    permits: sorted(
      attempts.flatMap(({ taskId, fence, permits }) =>
        [...permits].map(([stepIndex, permit]) => ({ taskId, fence, stepIndex, ...permit })),
      ),
    ),
    events: sorted(
      attempts.flatMap(({ taskId, fence, events }) =>
        [...events].map(([seq, { type, data }]) => ({ taskId, fence, seq, type, data })),
      ),
    ),
    sandboxes: sorted(
      boxes.map(
        ({
          id,
          state,
          reachable,
          capacity,
          target,
          targetSlots,
          planRevision,
          unacknowledgedInARow,
          quarantinedUntil,
        }) => ({
          ...{
            id,
            state,
            reachable,
            capacity,
            target,
            targetSlots,
            planRevision,
            unacknowledgedInARow,
            quarantinedUntil,
          },
        }),
      ),
    ),
    slots: sorted(boxes.flatMap(({ id, slots }) => slots.map((slot) => ({ sandboxId: id, ...slot })))),
    generations: sorted(
      boxes.flatMap(({ id, generations }) => [...generations.values()].map((one) => ({ sandboxId: id, ...one }))),
    ),
    cordons: sorted(
      boxes.flatMap(({ id, cordons }) =>
        cordons.map(({ holderKind, createdAt }) => ({ sandboxId: id, holderKind, createdAt })),
      ),
    ),
    sessions: sorted(
      boxes.flatMap(({ session }) =>
        session ? [{ id: session.id, sandboxId: session.sandboxId, lastHeartbeatAt: session.lastHeartbeatAt }] : [],
      ),
    ),
  };
}

/** In an order that depends on nothing but the rows. */
export function sorted<T>(rows: readonly T[]): T[] {
  return rows
    .map((row) => ({ row, text: canonicalJson(row) }))
    .sort((a, b) => (a.text < b.text ? -1 : 1))
    .map(({ row }) => row);
}
