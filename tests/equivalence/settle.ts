import { testDigest, type EndStatus } from "@valet/shared";
import type {
  MemoryAttempt,
  MemoryTasks,
  MemoryTaskSandbox,
} from "../../packages/rollout/src/simulation/tasks/model.ts";
import { testTimes, type Call, type CallOf, type Ref } from "./calls.ts";
import type { Command, Twist } from "./commands.ts";
import { bootOf, changeHost, refTo, reportOf, type Host } from "./hosts.ts";
import { specOf } from "./specs.ts";

/** What a sequence has led to so far, as far as later commands speak of it. */
export interface Settling {
  /** Commands speak of what is there; both stores have the same. */
  tasks: MemoryTasks;
  hosts: Map<string, Host>;
  /** Sessions opened so far, and the newest of each sandbox. */
  sessions: { sandboxId: string; place: number }[];
  /** By attempt: the number of its last journal entry. */
  journals: Map<string, number>;
}

type CommandOf<K extends Command["op"]> = Extract<Command, { op: K }>;

/** The call that a command comes to, now. Undefined: it speaks of something that is not there, or only changes a host. */
export function settle(command: Command, world: Settling): Call | undefined {
  switch (command.op) {
    case "sandbox": {
      const { capacity, labels, environment } = command;
      return { op: "sandbox", name: `box-${world.tasks.sandboxes.size}`, capacity, labels, environment };
    }
    case "release":
      return { ...command, digest: testDigest(command.digest) };
    case "submit":
      return settleSubmit(command, world);
    case "reserve":
      return command;
    case "acknowledge":
    case "permit":
    case "events":
    case "complete":
      return settleAttempt(command, world);
    case "expire":
      if (command.what === "leases") return { op: "expireLeases" };
      return { op: command.what === "queued" ? "expireQueued" : "expireUnacknowledged" };
    case "beat":
      return { op: "beat", kind: command.kind, id: `${command.kind} ${command.id}` };
    case "request": {
      const task = nth([...world.tasks.tasks.values()], command.task);
      return (
        task && {
          op: "request",
          taskId: task.id,
          what: command.what,
          tenantId: command.isOtherTenant ? "nobody" : null,
        }
      );
    }
    case "advance":
      return undefined;
    default:
      return settleHost(command, world);
  }
}

function settleHost(
  command: CommandOf<
    "session" | "target" | "host" | "heartbeat" | "cordon" | "hand_over" | "capacity" | "reachable" | "move" | "look"
  >,
  world: Settling,
): Call | undefined {
  const sandbox = nth([...world.tasks.sandboxes.values()], command.sandbox);
  if (!sandbox) return undefined;
  const sandboxId = sandbox.id;
  switch (command.op) {
    case "session":
      return settleSession(command, sandboxId, world);
    case "target":
      return { op: "target", sandboxId, generation: command.generation, slots: command.slots };
    case "host":
      changeHost(hostOf(world, sandboxId), command.generation, command.change);
      return undefined;
    case "heartbeat":
      return settleHeartbeat(command, sandbox, world);
    case "cordon":
      return { op: command.isLifted ? "uncordon" : "cordon", sandboxId, holder: command.holder };
    case "hand_over":
      return { op: "handOver", sandboxId };
    case "capacity":
      return { op: "capacity", sandboxId, capacity: command.capacity };
    case "reachable":
      return { op: "reachable", sandboxId, isReachable: command.isReachable };
    case "move":
      return { op: "move", sandboxId, to: command.to };
    case "look":
      return { op: "look", sandboxId };
  }
}

function settleSession(command: CommandOf<"session">, sandboxId: string, world: Settling): Call | undefined {
  if (command.change === "open") {
    world.sessions.push({ sandboxId, place: world.sessions.length });
    return { op: "openSession", sandboxId };
  }
  const own = world.sessions.filter((one) => one.sandboxId === sandboxId);
  const chosen = command.change === "touch_old" ? own[0] : own.at(-1);
  if (!chosen) return undefined;
  return { op: command.change === "close" ? "closeSession" : "touchSession", session: chosen.place };
}

function settleHeartbeat(
  { luck }: CommandOf<"heartbeat">,
  sandbox: MemoryTaskSandbox,
  world: Settling,
): CallOf<"heartbeat"> | undefined {
  const own = world.sessions.filter((one) => one.sandboxId === sandbox.id);
  const session = luck % 19 === 7 ? own[0] : own.at(-1);
  if (!session) return undefined;
  const older = attemptsOf(world)
    .filter((attempt) => attempt.endedAt !== null)
    .slice(-4);
  const heartbeat = reportOf(hostOf(world, sandbox.id), sandbox, older, luck);
  return { op: "heartbeat", sandboxId: sandbox.id, session: session.place, heartbeat };
}

function settleSubmit({ tenant, luck, key }: CommandOf<"submit">, world: Settling): CallOf<"submit"> {
  const spec = specOf(luck, [...world.tasks.sandboxes.keys()]);
  const environment = luck % 17 === 3 ? "staging" : "dev";
  const body = `body ${luck % 2}`;
  return {
    op: "submit",
    tenantId: `tenant-${tenant}`,
    environment,
    spec,
    key: key === null ? null : `key ${key}`,
    body,
  };
}

function settleAttempt(
  command: CommandOf<"acknowledge" | "permit" | "events" | "complete">,
  world: Settling,
): Call | undefined {
  const attempt = chooseAttempt(command, attemptsOf(world));
  if (!attempt) return undefined;
  const { ref, sandboxId } = twisted(attempt, command.twist, world);
  switch (command.op) {
    case "acknowledge":
      return { op: "acknowledge", sandboxId, ref };
    case "permit": {
      const boot = hostOf(world, attempt.sandboxId).get(attempt.generation)?.boot ?? 1;
      const workerBootId = bootOf(attempt.generation, command.otherBoot ? boot + 1 : boot);
      return { op: "permit", sandboxId, ref, stepIndex: command.step, workerBootId };
    }
    case "events": {
      const other = [...(world.tasks.sandboxes.get(attempt.sandboxId)?.open ?? [])].find((one) => one !== attempt);
      const events = eventsOf(ref, command.luck, world);
      const more = other && command.luck % 5 === 0 ? eventsOf(refTo(other), command.luck >> 3, world) : [];
      return { op: "events", sandboxId, events: [...events, ...more] };
    }
    case "complete":
      return { op: "complete", sandboxId, ref, status: command.status };
  }
}

/** Three of four speak of one for which there is something to do. */
function chooseAttempt(
  { op, attempt: place }: CommandOf<"acknowledge" | "permit" | "events" | "complete">,
  all: readonly MemoryAttempt[],
): MemoryAttempt | undefined {
  const isDue = (attempt: MemoryAttempt) =>
    attempt.endedAt === null && (attempt.acknowledgedAt === null) === (op === "acknowledge");
  const due = place % 4 === 0 ? [] : all.filter(isDue);
  return nth(due.length > 0 ? due : all, place);
}

function twisted(attempt: MemoryAttempt, twist: Twist, world: Settling): { ref: Ref; sandboxId: string } {
  const { taskId, fence, sandboxId } = attempt;
  const others = [...world.tasks.sandboxes.keys()].filter((id) => id !== sandboxId);
  switch (twist) {
    case "none":
      return { ref: refTo(attempt), sandboxId };
    case "wrong_lease":
      return { ref: { taskId, fence, lease: "wrong" }, sandboxId };
    case "wrong_sandbox":
      return { ref: refTo(attempt), sandboxId: others[0] ?? sandboxId };
    case "older_fence": {
      const older = world.tasks.tasks.get(taskId)?.attempts.findLast((one) => one.fence < fence) ?? attempt;
      return { ref: refTo(older), sandboxId: older.sandboxId };
    }
  }
}

const statuses: readonly Exclude<EndStatus, "lost">[] = [
  "completed",
  "completed",
  "failed",
  "failed",
  "cancelled",
  "timed_out",
  "interrupted",
];

/** A few journal entries, the last one sometimes its end, sometimes all of them told before. */
function eventsOf(ref: Ref, luck: number, world: Settling): CallOf<"events">["events"] {
  const key = `${ref.taskId} ${ref.fence}`;
  const isRepeated = luck % 7 === 0;
  const told = world.journals.get(key) ?? 0;
  let seq = isRepeated ? 0 : told;
  const event = (type: string, data: Record<string, unknown>) => {
    seq += 1;
    return { ref, seq, type, at: "2026-01-01T00:00:00.000Z", data };
  };
  const steps = luck % 3;
  const events = Array.from({ length: steps }, (_, step) =>
    event((luck >> step) % 5 === 0 ? "step_failed" : "step_done", { stepIndex: step }),
  );
  if (luck % 11 === 0) events.push(event("log", { text: "said something" }));
  if (events.length === 0 || luck % 2 === 0) events.push(event("finished", finishedOf(luck)));
  world.journals.set(key, Math.max(told, seq));
  return events;
}

function finishedOf(luck: number): Record<string, unknown> {
  if (luck % 13 === 0) return { status: "odd" };
  const status = statuses[(luck >> 2) % statuses.length] ?? "completed";
  if (status === "completed") return { status, result: { found: luck % 10 } };
  return luck % 2 === 0 ? { status } : { status, error: { code: "selector", message: "not found", stepIndex: 1 } };
}

/** In the order in which they were reserved. */
function attemptsOf(world: Settling): MemoryAttempt[] {
  return [...world.tasks.tasks.values()]
    .flatMap((task) => task.attempts)
    .sort((a, b) => a.reservedAt - b.reservedAt || (a.taskId < b.taskId ? -1 : 1));
}

function hostOf(world: Settling, sandboxId: string): Host {
  const host = world.hosts.get(sandboxId) ?? new Map();
  world.hosts.set(sandboxId, host);
  return host;
}

/** The one at this place, counted round. */
function nth<T>(items: readonly T[], place: number): T | undefined {
  return items[place % Math.max(1, items.length)];
}

/** How long the control plane may be silent before it counts as away. */
export const attendedStepMs = testTimes.heartbeatMs * 2;
