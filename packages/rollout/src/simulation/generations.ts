import { wantsDrain } from "../host/reconcile.ts";
import { finishAttempt } from "./gh-worker.ts";
import { countRunning, isAlive, runningOn, type SimGeneration, type SimHost } from "./sim-host.ts";
import { applyPlan } from "./slot-plan.ts";
import { hostWallMs, isoAt, type World } from "./world.ts";

/** Starts a generation: whole GH api + GH worker, without slots. */
export function createGeneration(world: World, host: SimHost, tag: string, digest: string): SimGeneration {
  const release = world.releases.get(digest);
  const one: SimGeneration = {
    generation: host.nextGeneration,
    state: "starting",
    tag,
    digest,
    reports: null,
    healthy: false,
    restarts: 0,
    isLooping: false,
    bootId: nextBoot(host),
    isWorkerUp: true,
    startedAt: isoAt(hostWallMs(world, host)),
    afterDrain: "warm",
    handsOver: false,
    warmForMs: 1_800_000,
    warmUntilMs: null,
    idleSinceMs: null,
    slots: new Map(),
    spare: "none",
  };
  host.nextGeneration += 1;
  host.generations.push(one);
  // Ended ones are told for a while; a list that only grows would slow every look.
  const ended = host.generations.filter((other) => other.state === "ended");
  if (ended.length > 2) host.generations.splice(host.generations.indexOf(ended[0] as SimGeneration), 1);
  world.tell(host.name, `starts generation ${one.generation} of ${tag}`);
  world.laws.started(world, host, one, release?.behaviour ?? "good");
  return one;
}

export function nextBoot(host: SimHost): string {
  host.boots += 1;
  return `${host.name}-boot-${host.boots}`;
}

/** Healthy, and saying what its release says it is. */
export function becomeSound(world: World, host: SimHost, one: SimGeneration): void {
  const behaviour = world.releases.get(one.digest)?.behaviour;
  const isLying = world.nowMs < host.liesUntilMs;
  one.healthy = true;
  if (isLying || behaviour === "reports-another") one.reports = `sha256:${"f".repeat(64)}`;
  else one.reports = behaviour === "reports-nothing" ? null : one.digest;
}

/** Ends its processes; whatever ran there is interrupted, and the spool says so. */
export function endGeneration(world: World, host: SimHost, one: SimGeneration, why: string): void {
  if (!isAlive(one)) return;
  one.state = "ended";
  one.healthy = false;
  one.spare = "none";
  one.slots.clear();
  one.warmUntilMs = null;
  world.tell(host.name, `ends generation ${one.generation} ${why}`);
  world.laws.ended(world, host, one, why);
  for (const attempt of runningOn(host, one.generation)) {
    finishAttempt(world, host, attempt, { status: "interrupted", reason: "its generation was ended" });
  }
  applyPlan(world, host);
}

/** Tells GH workers whether to take new work, as the agent's own reconciler would (host/reconcile.ts). */
export function tellWorkers(world: World, host: SimHost): void {
  applyPlan(world, host);
}

const idleBeforeWarmMs = 1_000;

/** One tick of the agent: drained generations become warm or end, warm ones end with their window; at most one stays warm. */
export function tickGenerations(world: World, host: SimHost): void {
  const now = hostWallMs(world, host);
  for (const one of [...host.generations]) {
    if (one.state === "draining") tickDraining(world, host, one, now);
    if (one.state === "warm" && now >= (one.warmUntilMs ?? 0))
      endGeneration(world, host, one, "as its rollback window is over");
    if (one.isLooping && isAlive(one)) restartLooping(one);
  }
}

function restartLooping(one: SimGeneration): void {
  one.restarts += 1;
  one.healthy = false;
}

function tickDraining(world: World, host: SimHost, one: SimGeneration, now: number): void {
  const states = [...one.slots.keys()].map((index) => ({ index, state: "ready" as const }));
  const record = { state: one.state, handsOver: one.handsOver } as Parameters<typeof wantsDrain>[0];
  const shallDrain = wantsDrain(record, { slots: states } as Parameters<typeof wantsDrain>[1], host.drainedBy.size > 0);
  const isIdle = countRunning(host, one.generation) === 0 && shallDrain && (!one.handsOver || one.slots.size === 0);
  if (!isIdle) {
    one.idleSinceMs = null;
    return;
  }
  one.idleSinceMs ??= world.nowMs;
  if (world.nowMs - one.idleSinceMs < idleBeforeWarmMs) return;
  one.idleSinceMs = null;
  if (one.afterDrain === "ended") return endGeneration(world, host, one, "as it gave way");
  one.state = "warm";
  one.warmUntilMs = now + one.warmForMs;
  world.tell(host.name, `keeps generation ${one.generation} warm`);
  const warm = host.generations.filter((other) => other.state === "warm").sort((a, b) => b.generation - a.generation);
  for (const older of warm.slice(1)) endGeneration(world, host, older, "as a newer one is warm");
}
