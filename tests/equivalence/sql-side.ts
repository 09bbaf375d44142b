import {
  acknowledge,
  addCordon,
  allowRelease,
  applyHeartbeat,
  applyTaskCallback,
  assignmentsFor,
  beat,
  cancelsFor,
  closeSession,
  completeAttempts,
  createSandbox,
  disallowRelease,
  ensureTenant,
  expireLeases,
  expireQueued,
  expireUnacknowledged,
  grantPermit,
  handOverCandidates,
  handOverSlots,
  moveSandbox,
  openSession,
  patchSandbox,
  recordEvents,
  removeCordon,
  requestCancel,
  reserveTasks,
  retryTask,
  reviewTask,
  sandboxFacts,
  sessionNews,
  setReachable,
  setTargetGeneration,
  slotPlan,
  submitTask,
  touchSession,
  type TaskRow,
  type Tx,
} from "@valet/db";
import { Secret, type Result } from "@valet/shared";
import { holderOf, noNames, testTimes, type CallOf, type Handlers, type Names } from "./calls.ts";
import { keyIn, noteLease, notePermit, noteSession } from "./names.ts";

const times = testTimes;

/** The database behind the calls that both stores are given. */
export function sqlSide(tx: Tx): { names: Names; handlers: Handlers } {
  const names = noNames();
  return { names, handlers: { ...hostHandlers(tx, names), ...taskHandlers(tx, names) } };
}

type HostOps =
  | "sandbox"
  | "openSession"
  | "closeSession"
  | "touchSession"
  | "release"
  | "target"
  | "heartbeat"
  | "cordon"
  | "uncordon"
  | "handOver"
  | "capacity"
  | "reachable"
  | "move"
  | "look"
  | "beat";

function hostHandlers(tx: Tx, names: Names): Pick<Handlers, HostOps> {
  const session = (place: number): string => names.sessions[place] ?? "00000000-0000-0000-0000-000000000000";
  return {
    sandbox: (call) => addSandbox(tx, call),
    async openSession({ sandboxId }) {
      noteSession(names, (await openSession(tx, { sandboxId, bootId: "sw", version: "0", wire: 1 })).id);
    },
    closeSession: (call) => closeSession(tx, session(call.session)),
    touchSession: (call) => touchSession(tx, session(call.session)),
    release: ({ environment, digest: imageDigest, isAllowed }) =>
      isAllowed
        ? allowRelease(tx, environment, "ghosthands", { imageDigest, reason: "test" })
        : disallowRelease(tx, environment, "ghosthands", imageDigest),
    target: ({ sandboxId, generation, slots }) => setTargetGeneration(tx, sandboxId, generation, slots),
    heartbeat: ({ sandboxId, session: place, heartbeat }) =>
      applyHeartbeat(tx, {
        sandboxId,
        sessionId: session(place),
        times,
        heartbeat: {
          ...heartbeat,
          attempts: heartbeat.attempts.map((ref) => keyIn(names, ref)),
          generations: heartbeat.generations.map((report) => ({
            ...report,
            attempts: report.attempts.map((ref) => ({ ...keyIn(names, ref), confirmedAgoMs: 0, frozen: false })),
          })),
        },
      }),
    async cordon({ sandboxId, holder }) {
      await addCordon(tx, sandboxId, { holderKind: holder, holderId: holderOf(holder), reason: "test" });
    },
    uncordon: ({ sandboxId, holder }) =>
      removeCordon(tx, sandboxId, { holderKind: holder, holderId: holderOf(holder) }),
    handOver: ({ sandboxId }) => handOverSlots(tx, sandboxId),
    async capacity({ sandboxId, capacity }) {
      await patchSandbox(tx, sandboxId, { capacity });
    },
    reachable: ({ sandboxId, isReachable }) => setReachable(tx, sandboxId, isReachable),
    move: async ({ sandboxId, to }) => (await moveSandbox(tx, sandboxId, { to, reason: "test" })).ok,
    async look({ sandboxId }) {
      return {
        open: await assignmentsFor(tx, sandboxId),
        waiting: await assignmentsFor(tx, sandboxId, { unacknowledgedOnly: true }),
        toCancel: await cancelsFor(tx, sandboxId),
        news: (await sessionNews(tx, [sandboxId]))[0],
        plan: await slotPlan(tx, sandboxId),
        facts: await factsOf(tx, sandboxId),
        ids: await handOverCandidates(tx),
      };
    },
    beat: ({ kind, id }) => beat(tx, { kind, id }, times),
  };
}

function taskHandlers(tx: Tx, names: Names): Omit<Handlers, HostOps> {
  return {
    async submit({ tenantId, environment, spec, key, body }) {
      await ensureTenant(tx, tenantId, tenantId);
      const keyed = key === null ? {} : { idempotencyKey: key, bodyHash: body };
      const submitted = await submitTask(tx, { tenantId, environment, spec, ...keyed });
      return submitted.ok
        ? { ok: true, task: taskView(submitted.value.task), replayed: submitted.value.replayed }
        : submitted;
    },
    async reserve({ limit, environment }) {
      const reserved = await reserveTasks(tx, { limit, times, ...(environment === null ? {} : { environment }) });
      for (const reservation of reserved.reservations) noteLease(names, reservation);
      return reserved;
    },
    acknowledge: ({ sandboxId, ref }) => acknowledge(tx, { sandboxId, ref: keyIn(names, ref), times }),
    async permit({ sandboxId, ref, stepIndex, workerBootId }) {
      const granted = await grantPermit(tx, { sandboxId, ref: keyIn(names, ref), stepIndex, workerBootId, times });
      if (granted.ok) notePermit(names, granted.value.permitId);
      return granted;
    },
    events: ({ sandboxId, events }) =>
      recordEvents(tx, {
        sandboxId,
        events: events.map(({ ref, ...event }) => ({ ...event, ...keyIn(names, ref) })),
        times,
      }),
    complete: ({ sandboxId, ref, status }) =>
      completeAttempts(tx, sandboxId, [{ ...keyIn(names, ref), status, reason: "told so" }]),
    expireUnacknowledged: () => expireUnacknowledged(tx, times),
    expireLeases: () => expireLeases(tx, times),
    expireQueued: async () => ({ ids: await expireQueued(tx) }),
    async request(call) {
      const result = await request(tx, call);
      return result.ok ? { ok: true, task: taskView(result.value) } : result;
    },
  };
}

/** As the deploy engine sees the sandbox, but for other deploys: there are none. */
async function factsOf(tx: Tx, sandboxId: string): Promise<unknown> {
  const nothing = "00000000-0000-0000-0000-000000000000";
  const deploy = { id: nothing, environment: "dev" as const, sandboxIds: [sandboxId], hosts: [{ sandboxId }] };
  const [found] = await sandboxFacts(tx, deploy, times);
  return found && { ...found, otherDeploys: undefined };
}

async function addSandbox(tx: Tx, { name, environment, capacity, labels }: CallOf<"sandbox">): Promise<string> {
  const created = await createSandbox(tx, {
    ...{ name, environment, capacity, labels },
    instanceId: `i-${name}`,
    publicIp: "127.0.0.11",
    agentPort: 8000,
    instanceType: "local",
    browserEngine: "chromium",
    token: new Secret(`token-of-${name}`),
    sealedAgentKey: "sealed",
  });
  if (!created.ok) throw new Error(created.error.message);
  await moveSandbox(tx, created.value.id, { to: "active", reason: "test" });
  return created.value.id;
}

function request(tx: Tx, { taskId, what, tenantId }: CallOf<"request">): Promise<Result<TaskRow, unknown>> {
  const who = { actor: "somebody", ...(tenantId === null ? {} : { tenantId }) };
  switch (what) {
    case "cancel":
      return requestCancel(tx, taskId, who);
    case "retry":
      return retryTask(tx, taskId, who);
    case "needs_human":
      return applyTaskCallback(tx, taskId, { status: what, instructions: "look" });
    case "resumed":
      return applyTaskCallback(tx, taskId, { status: what });
    default:
      return reviewTask(tx, taskId, { ...who, decision: what, note: "seen" });
  }
}

/** A task as both stores show it. */
function taskView(task: TaskRow): Record<string, unknown> {
  const { id, tenantId, environment, state, stateReason, stepsDone, attemptCount, interruptions, fence } = task;
  const { cancelRequested, result, error, sandboxId, enqueuedAt, startedAt, endedAt } = task;
  return {
    ...{ id, tenantId, environment, state, stateReason, stepsDone, attemptCount, interruptions, fence },
    ...{ cancelRequested, result, error, sandboxId, enqueuedAt, startedAt, endedAt },
  };
}
