import type { GenerationInput, HeartbeatInput, HeartbeatResult } from "@valet/shared";
import { canRun, finishAttempt, killAttempt, renewAttempt, startAttempt } from "./gh-worker.ts";
import { isQuick, linkDelayMs } from "./link.ts";
import { attemptKeyOf, isAccepting, type SimGeneration, type SimHost } from "./sim-host.ts";
import { applyPlan } from "./slot-plan.ts";
import { hostWallMs, type World } from "./world.ts";

const soonMs = 30;

/** A change is told at once, not at the next beat. */
export function heartbeatSoon(world: World, host: SimHost): void {
  if (host.isBeatDue) return;
  host.isBeatDue = true;
  world.after(soonMs, () => {
    host.isBeatDue = false;
    heartbeat(world, host);
  });
}

/** One heartbeat of the sandbox worker: what runs there goes up; leases, cancels and the plan come back. */
export function heartbeat(world: World, host: SimHost): void {
  if (!host.isUp) return;
  const sent = { wallMs: hostWallMs(world, host), monoMs: world.nowMs };
  const beat = reportOf(host);
  travel(world, host, () => {
    const result = apply(world, host, beat);
    if (result) travel(world, host, () => takeReply(world, host, result, sent));
  });
  deliverSpool(world, host);
  fetchAssignments(world, host);
}

/** Over the link to the API, when it stands at the time of arrival. */
function travel(world: World, host: SimHost, arrive: () => void): void {
  const { life } = host;
  const land = () => {
    if (host.link.workerToApi && host.isUp && host.life === life) arrive();
  };
  if (isQuick(host)) land();
  else world.after(linkDelayMs(world, host), land);
}

function apply(world: World, host: SimHost, beat: HeartbeatInput): HeartbeatResult | undefined {
  host.sessionId ??= world.tasks.openSession(host.name).id;
  const result = world.tasks.applyHeartbeat({ sandboxId: host.name, sessionId: host.sessionId, heartbeat: beat });
  if (result.ok) return result.value;
  host.sessionId = null;
  return undefined;
}

function reportOf(host: SimHost): HeartbeatInput {
  const generations = host.generations.map((one) => generationReport(host, one));
  const attempts: { taskId: string; fence: number; leaseId: string }[] = [];
  for (const one of generations) {
    for (const { taskId, fence, leaseId } of one.attempts) attempts.push({ taskId, fence, leaseId });
  }
  return { generations, attempts, agentReachable: host.isAgentUp };
}

const noDigest = `sha256:${"0".repeat(64)}`;

function generationReport(host: SimHost, one: SimGeneration): GenerationInput {
  const isReachable = one.isWorkerUp && one.state !== "ended";
  const slots: GenerationInput["slots"][number][] = [];
  const attempts: GenerationInput["attempts"][number][] = [];
  if (isReachable) {
    for (const [index, state] of one.slots) slots.push({ index, state });
    for (const { taskId, fence, leaseId, frozen, isOver, generation } of host.attempts.values()) {
      if (!isOver && generation === one.generation)
        attempts.push({ taskId, fence, leaseId, confirmedAgoMs: 0, frozen });
    }
  }
  return {
    generation: one.generation,
    imageTag: one.tag,
    imageDigest: one.reports ?? noDigest,
    state: one.state,
    reachable: isReachable,
    workerBootId: isReachable ? one.bootId : null,
    accepting: isAccepting(host, one),
    spareReady: isReachable && one.spare === "ready",
    slots,
    attempts,
  };
}

function takeReply(
  world: World,
  host: SimHost,
  reply: HeartbeatResult,
  sent: { wallMs: number; monoMs: number },
): void {
  for (const ref of reply.renewed) {
    const attempt = host.attempts.get(attemptKeyOf(ref));
    if (attempt && !attempt.isOver) renewAttempt(world, host, attempt, sent);
  }
  for (const ref of reply.lost) {
    const attempt = host.attempts.get(attemptKeyOf(ref));
    if (attempt) killAttempt(world, host, attempt);
  }
  for (const ref of reply.cancel) {
    const attempt = host.attempts.get(attemptKeyOf(ref));
    if (attempt) finishAttempt(world, host, attempt, { status: "cancelled", reason: "cancelled on request" });
  }
  if (host.plan === null || reply.plan.revision > host.plan.revision) {
    host.plan = reply.plan;
    applyPlan(world, host);
  } else applyPlan(world, host);
}

/** Asks for what is assigned here; nothing starts before its acknowledgement is answered. */
export function fetchAssignments(world: World, host: SimHost): void {
  if (!host.isUp || !host.link.workerToApi) return;
  const sandbox = world.tasks.sandboxes.get(host.name);
  if (!sandbox || sandbox.open.size === 0) return;
  for (const row of world.tasks.assignmentsFor(host.name)) {
    const known = host.attempts.get(attemptKeyOf(row));
    if (known || host.spool.some((finish) => finish.taskId === row.taskId && finish.fence === row.fence)) continue;
    acknowledge(world, host, row);
  }
}

function acknowledge(
  world: World,
  host: SimHost,
  row: { taskId: string; fence: number; leaseId: string; slot: number; generation: number },
): void {
  if (!canRun(host, row)) return;
  const sent = { wallMs: hostWallMs(world, host), monoMs: world.nowMs };
  const ref = { taskId: row.taskId, fence: row.fence, leaseId: row.leaseId };
  travel(world, host, () => {
    const answer = world.tasks.acknowledge({ sandboxId: host.name, ref });
    travel(world, host, () => {
      const one = canRun(host, row);
      if (answer.ok && one && !host.attempts.has(attemptKeyOf(row))) startAttempt(world, host, one, row, sent);
    });
  });
}

/** Ends stay in the spool until the API says that it has them. */
export function deliverSpool(world: World, host: SimHost): void {
  if (host.spool.length === 0) return;
  const finishes = [...host.spool];
  travel(world, host, () => {
    const completed = world.tasks.completeAttempts(host.name, finishes);
    world.laws.completed(world, host, completed);
    travel(world, host, () => {
      host.spool = host.spool.filter((one) => !finishes.includes(one));
      for (const finish of finishes) host.attempts.delete(attemptKeyOf(finish));
    });
  });
}
