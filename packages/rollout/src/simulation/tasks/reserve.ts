import {
  fits,
  inTurn,
  matchTasks,
  placeableClasses,
  placementText,
  type Environment,
  type Match,
  type QueueClass,
  type QueueHead,
  type Reservation,
  type ReserveResult,
} from "@valet/shared";
import { eligibleSandboxes, sandboxesWithFreeSlots } from "./eligible.ts";
import type { MemoryAttempt, MemoryTask } from "./model.ts";
import { leaveQueue, mustSandbox, type State } from "./state.ts";

/** Gives queued tasks to free slots: tenants in turn, each one's oldest first, at most `limit`. */
export function reserveTasks(state: State, input: { limit: number; environment?: Environment }): ReserveResult {
  const none = { reservations: [], more: false };
  if (state.queued.size === 0) return none;
  const listed = queuedClasses(state, input.environment);
  const [only] = listed;
  if (!only) return none;
  const isPlain = listed.length === 1 && only.key === "";
  const sandboxes = sandboxesWithFreeSlots(state, isPlain ? only.environment : input.environment);
  const classes = placeableClasses(listed, true, sandboxes, placementText);
  if (classes.length === 0) return none;
  const free = sandboxes.reduce((sum, sandbox) => sum + sandbox.freeSlots.length, 0);
  const limit = Math.min(input.limit, free);
  const heads = inTurn(queueHeads(state, classes, limit));
  const matches = matchTasks(heads, classes, sandboxes, alternatives(state, heads)).slice(0, limit);
  const reservations = matches.map((match) => write(state, match));
  for (const { tenantId } of reservations) state.lastServed.set(tenantId, state.clock.now() * 1_000);
  return { reservations, more: reservations.length > 0 && free > reservations.length };
}

function queuedClasses(state: State, environment: Environment | undefined): QueueClass[] {
  const classes = new Map<string, QueueClass>();
  for (const task of state.queued) {
    if (environment !== undefined && task.environment !== environment) continue;
    const id = `${task.environment} ${task.key}`;
    if (!classes.has(id)) {
      classes.set(id, { environment: task.environment, key: task.key, ...task.spec.placement });
    }
  }
  return [...classes.values()];
}

/** About `limit` tasks a class: of each tenant its oldest, tenants served longest ago first. */
function queueHeads(state: State, classes: readonly QueueClass[], limit: number): QueueHead[] {
  const turns = new Map<string, Map<string, MemoryTask[]>>(
    classes.map((one) => [`${one.environment} ${one.key}`, new Map<string, MemoryTask[]>()]),
  );
  for (const task of state.queued) {
    const byTenant = turns.get(`${task.environment} ${task.key}`);
    if (!byTenant) continue;
    const own = byTenant.get(task.tenantId);
    if (own) own.push(task);
    else byTenant.set(task.tenantId, [task]);
  }
  let count = 0;
  for (const byTenant of turns.values()) count += byTenant.size;
  const each = Math.max(1, Math.ceil(limit / Math.max(1, count)));
  return [...turns.values()].flatMap((byTenant) =>
    [...byTenant]
      .sort(([a], [b]) => servedAt(state, a) - servedAt(state, b) || (a < b ? -1 : 1))
      .slice(0, limit)
      .flatMap(([tenantId, own]) =>
        own
          .sort(byQueueKey)
          .slice(0, each)
          .map((task) => headOf(task, servedAt(state, tenantId))),
      ),
  );
}

function servedAt(state: State, tenantId: string): number {
  return state.lastServed.get(tenantId) ?? 0;
}

function byQueueKey(a: MemoryTask, b: MemoryTask): number {
  return (a.queueKey ?? 0) - (b.queueKey ?? 0) || (a.id < b.id ? -1 : 1);
}

function headOf(task: MemoryTask, lastServed: number): QueueHead {
  const { id: taskId, tenantId, environment, key, fence, avoid } = task;
  return { taskId, tenantId, environment, key, fence, avoid, queueKey: task.queueKey ?? 0, lastServed };
}

/** Whether a task that avoids sandboxes has another one to go to, be it busy now. */
function alternatives(state: State, heads: readonly QueueHead[]): (head: QueueHead, placement: QueueClass) => boolean {
  if (heads.every((head) => head.avoid.length === 0)) return () => true;
  const all = eligibleSandboxes(state);
  return (head, placement) =>
    all.some((one) => one.environment === head.environment && !head.avoid.includes(one.id) && fits(placement, one));
}

function write(state: State, { head, sandboxId, slot: index, generation }: Match): Reservation {
  const task = state.tasks.get(head.taskId);
  const sandbox = mustSandbox(state, sandboxId);
  const slot = sandbox.slots.find((one) => one.index === index);
  if (!task || !slot) throw new Error(`task ${head.taskId} or slot ${index} of ${sandboxId} is gone`);
  leaveQueue(state, task);
  task.state = "assigned";
  task.stateReason = "";
  task.fence += 1;
  task.sandboxId = sandboxId;
  slot.state = "reserved";
  slot.taskId = task.id;
  slot.fence = task.fence;
  const attempt = newAttempt(state, { taskId: task.id, fence: task.fence, sandboxId, slot: index, generation });
  task.attempts.push(attempt);
  sandbox.open.add(attempt);
  const { id: taskId, tenantId, fence } = task;
  return { taskId, tenantId, fence, leaseId: attempt.leaseId, sandboxId, slot: index, generation };
}

function newAttempt(
  state: State,
  where: Pick<MemoryAttempt, "taskId" | "fence" | "sandboxId" | "slot" | "generation">,
): MemoryAttempt {
  const now = state.clock.now();
  return {
    ...where,
    leaseId: state.ids(),
    number: 0,
    workerBootId: null,
    reservedAt: now,
    acknowledgedAt: null,
    leaseExpiresAt: now + state.times.leaseMs,
    endedAt: null,
    outcome: null,
    reason: null,
    permits: new Map(),
    events: new Map(),
  };
}
