import type { EndStatus } from "@valet/shared";
import { isPastDeadline } from "../host/lease-enforcement.ts";
import {
  attemptKeyOf,
  isAccepting,
  isAlive,
  runningOn,
  type SimAttempt,
  type SimGeneration,
  type SimHost,
} from "./sim-host.ts";
import { applyPlan, prepare } from "./slot-plan.ts";
import { linkDelayMs } from "./link.ts";
import { hostWallMs, type World } from "./world.ts";

export interface Handed {
  taskId: string;
  fence: number;
  leaseId: string;
  slot: number;
  generation: number;
}

/** Whether the generation of an assignment could run it now. */
export function canRun(host: SimHost, handed: Handed): SimGeneration | undefined {
  const one = host.generations.find((other) => other.generation === handed.generation);
  if (!one || !isAlive(one) || !isAccepting(host, one)) return undefined;
  return one.slots.get(handed.slot) === "busy" ? undefined : one;
}

/** A GH worker takes an acknowledged attempt; `sentAtMs`: when the acknowledgement was sent, which its lease counts from. */
export function startAttempt(
  world: World,
  host: SimHost,
  one: SimGeneration,
  handed: Handed,
  sent: { wallMs: number; monoMs: number },
): void {
  const attempt: SimAttempt = {
    ...{
      taskId: handed.taskId,
      fence: handed.fence,
      leaseId: handed.leaseId,
      slot: handed.slot,
      generation: one.generation,
    },
    ...{ bootId: one.bootId, stepIndex: 0, frozen: false, isOver: false },
    renewedWallMs: sent.wallMs,
    renewedMonoMs: sent.monoMs,
  };
  host.attempts.set(attemptKeyOf(handed), attempt);
  if (!one.slots.has(handed.slot)) one.spare = "none";
  one.slots.set(handed.slot, "busy");
  world.laws.began(world, host, attempt);
  nextStep(world, host, attempt);
}

function nextStep(world: World, host: SimHost, attempt: SimAttempt): void {
  const step = world.steps.get(attempt.taskId)?.[attempt.stepIndex];
  if (!step) return finishAttempt(world, host, attempt, endOf(world, host, attempt));
  world.after(step.forMs, () => {
    if (!mayAct(world, host, attempt)) return;
    if (step.write) return askPermit(world, host, attempt);
    attempt.stepIndex += 1;
    nextStep(world, host, attempt);
  });
}

function endOf(world: World, host: SimHost, attempt: SimAttempt): { status: EndStatus; reason?: string } {
  const one = host.generations.find((other) => other.generation === attempt.generation);
  const behaviour = world.releases.get(one?.digest ?? "")?.behaviour;
  if (behaviour === "fails-tasks" && world.random.chance(0.8))
    return { status: "failed", reason: "its selector was not found" };
  return { status: "completed" };
}

/** Compared before EVERY action: past the deadline the attempt stands still until it is renewed. */
function mayAct(world: World, host: SimHost, attempt: SimAttempt): boolean {
  if (attempt.isOver || !host.isUp || host.attempts.get(attemptKeyOf(attempt)) !== attempt) return false;
  if (isPast(world, host, attempt)) {
    if (!attempt.frozen) world.tell(host.name, `freezes ${attempt.taskId}: its deadline is past`);
    attempt.frozen = true;
    return false;
  }
  return true;
}

function isPast(world: World, host: SimHost, attempt: SimAttempt): boolean {
  const { deadlineMs } = world.times;
  const lease = {
    ...{ taskId: attempt.taskId, fence: attempt.fence, browserPid: 2, profileDir: "p", frozen: false },
    deadlineWallMs: attempt.renewedWallMs + deadlineMs,
    deadlineMonoMs: attempt.renewedMonoMs + deadlineMs,
  };
  return isPastDeadline(lease, { wallMs: hostWallMs(world, host), monoMs: world.nowMs }, 0);
}

/** Contact again, and the fence is still the newest: it goes on where it stood. */
export function renewAttempt(
  world: World,
  host: SimHost,
  attempt: SimAttempt,
  sent: { wallMs: number; monoMs: number },
): void {
  if (sent.monoMs < attempt.renewedMonoMs) return;
  attempt.renewedWallMs = sent.wallMs;
  attempt.renewedMonoMs = sent.monoMs;
  if (!attempt.frozen || isPast(world, host, attempt)) return;
  attempt.frozen = false;
  world.tell(host.name, `thaws ${attempt.taskId}`);
  nextStep(world, host, attempt);
}

/** Leave for one write step, measured from the moment it was asked for, on the larger of both clocks. */
function askPermit(world: World, host: SimHost, attempt: SimAttempt): void {
  const sentWallMs = hostWallMs(world, host);
  const sentMonoMs = world.nowMs;
  const elapsedMs = () => Math.max(hostWallMs(world, host) - sentWallMs, world.nowMs - sentMonoMs);
  const again = () =>
    world.after(world.times.permitMs, () => void (mayAct(world, host, attempt) && askPermit(world, host, attempt)));
  const there = linkDelayMs(world, host);
  world.after(there, () => {
    if (!host.link.workerToApi || !host.isUp) return again();
    const ref = { taskId: attempt.taskId, fence: attempt.fence, leaseId: attempt.leaseId };
    const asked = { sandboxId: host.name, ref, stepIndex: attempt.stepIndex, workerBootId: attempt.bootId };
    const granted = world.tasks.grantPermit(asked);
    world.after(linkDelayMs(world, host), () => {
      if (!host.link.workerToApi) return again();
      if (!granted.ok) {
        world.tell(host.name, `gets no permit for ${attempt.taskId}: ${granted.error.kind}`);
        if (granted.error.kind === "stale_fence") return killAttempt(world, host, attempt);
        return finishAttempt(world, host, attempt, { status: "interrupted", reason: granted.error.message });
      }
      // Between the answer and the act lies some time, in which everything may have changed.
      world.after(world.random.int(0, Math.ceil(world.times.permitMs * 0.8)), () => {
        if (!mayAct(world, host, attempt)) return;
        if (elapsedMs() >= granted.value.usableForMs) return askPermit(world, host, attempt);
        world.laws.wrote(world, host, attempt);
        attempt.stepIndex += 1;
        nextStep(world, host, attempt);
      });
    });
  });
}

/** Ends an attempt on its host; the end waits in the spool until the API has it. */
export function finishAttempt(
  world: World,
  host: SimHost,
  attempt: SimAttempt,
  end: { status: EndStatus; reason?: string },
): void {
  if (attempt.isOver) return;
  attempt.isOver = true;
  const { taskId, fence, leaseId } = attempt;
  host.spool.push({ taskId, fence, leaseId, ...end });
  freeBrowser(world, host, attempt);
  world.parts.deliverSpool(host);
}

/** Somebody else owns it now: it is killed, and nothing is told. */
export function killAttempt(world: World, host: SimHost, attempt: SimAttempt): void {
  if (attempt.isOver) return;
  attempt.isOver = true;
  world.tell(host.name, `kills ${attempt.taskId} fence ${attempt.fence}: it is lost`);
  host.attempts.delete(attemptKeyOf(attempt));
  freeBrowser(world, host, attempt);
}

function freeBrowser(world: World, host: SimHost, attempt: SimAttempt): void {
  const one = host.generations.find((other) => other.generation === attempt.generation);
  if (!one || !isAlive(one) || one.slots.get(attempt.slot) !== "busy") return;
  prepare(world, host, one, attempt.slot);
  applyPlan(world, host);
}

/** The GH worker of a generation died; started again it reads its spool and tells that what ran was interrupted. */
export function restartWorker(world: World, host: SimHost, one: SimGeneration, bootId: string, downMs: number): void {
  const interrupted = runningOn(host, one.generation);
  for (const attempt of interrupted) attempt.isOver = true;
  one.isWorkerUp = false;
  one.spare = "none";
  one.slots.clear();
  one.bootId = bootId;
  world.after(downMs, () => {
    if (one.bootId !== bootId || !isAlive(one) || !host.isUp) return;
    one.isWorkerUp = true;
    one.restarts += 1;
    for (const { taskId, fence, leaseId } of interrupted) {
      host.spool.push({ taskId, fence, leaseId, status: "interrupted", reason: "the GH worker died" });
    }
    applyPlan(world, host);
    world.parts.deliverSpool(host);
  });
}
