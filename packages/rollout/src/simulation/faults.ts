import { resumeSide, stopSide } from "./side-service.ts";
import { nextBoot } from "./generations.ts";
import { restartWorker } from "./gh-worker.ts";
import { runProcedure } from "./procedures.ts";
import { heartbeat } from "./sandbox-worker.ts";
import type { Fault } from "./script.ts";
import { freshDisk, isAlive, isRunning, soundLink, type SimHost } from "./sim-host.ts";
import { digestOf, type World } from "./world.ts";

/** Makes one thing go wrong, and right again once its time is over. */
export function strikeFault(world: World, fault: Fault): void {
  const host = fault.host === undefined ? undefined : world.hosts.get(fault.host);
  if (fault.host !== undefined && !host) return;
  world.coverage.met(fault.kind, world.store.deploys.values(), fault.host);
  world.tell(
    "fault",
    `${fault.kind}${fault.host === undefined ? "" : ` ${fault.host}`}${fault.forMs === 0 ? "" : ` for ${fault.forMs} ms`}`,
  );
  if (host) strikeHost(world, host, fault);
  else strikeControl(world, fault);
}

function strikeControl(world: World, fault: Fault): void {
  const [first, second] = world.controllers;
  if (!first || !second) return;
  switch (fault.kind) {
    case "crash-controller":
      return first.kill(fault.forMs);
    case "crash-before-save":
    case "crash-after-save":
    case "crash-between-effects":
      first.armed = { point: fault.kind, downMs: fault.forMs };
      return;
    case "second-controller":
      second.start();
      return world.after(fault.forMs, () => second.kill(null));
    case "slow-store":
      first.slowStoreUntilMs = world.nowMs + fault.forMs;
      return;
    case "jump-controller-clock":
      first.wallOffsetMs += fault.forMs;
      return;
    case "move-tag":
      return moveTags(world);
    default:
  }
}

/** Every tag but the first points at a new build from now on. */
function moveTags(world: World): void {
  for (const [tag, release] of [...world.registry]) {
    if (["d0", "w0"].some((id) => world.store.deploys.get(id)?.imageTag === tag)) continue;
    world.tagMoves += 1;
    const moved = { ...release, digest: digestOf(tag, world.tagMoves) };
    world.registry.set(tag, moved);
    world.releases.set(moved.digest, moved);
  }
}

function strikeHost(world: World, host: SimHost, { kind, forMs }: Fault): void {
  const { link } = host;
  host.changedAtMs = world.nowMs;
  const until = (mend: () => void): void =>
    world.after(forMs, () => {
      host.changedAtMs = world.nowMs;
      mend();
    });
  switch (kind) {
    case "cut-to-host":
      link.toHost = false;
      return until(() => void (link.toHost = true));
    case "cut-from-host":
      link.fromHost = false;
      return until(() => void (link.fromHost = true));
    case "cut-both":
      Object.assign(link, { toHost: false, fromHost: false, workerToApi: false, isDialled: false });
      return until(
        () => void Object.assign(link, { toHost: true, fromHost: true, workerToApi: true, isDialled: true }),
      );
    case "cut-worker-from-api":
      link.workerToApi = false;
      return until(() => void (link.workerToApi = true));
    case "slow-link":
      link.extraDelayMs = 1_800;
      return until(() => void (link.extraDelayMs = 0));
    case "duplicate-messages":
      link.duplicates = true;
      return until(() => void (link.duplicates = false));
    case "reorder-messages":
      link.jitterMs = 6_000;
      return until(() => void (link.jitterMs = 0));
    case "jump-host-clock":
      host.wallOffsetMs += forMs;
      return;
    case "lose-host":
    case "lose-disk":
      return loseHost(world, host, kind === "lose-disk", forMs);
    case "kill-agent":
      return killAgent(world, host, forMs);
    case "kill-gh-worker": {
      const one = host.generations.filter(isAlive).at(-1);
      if (one && host.isUp) restartWorker(world, host, one, nextBoot(host), Math.min(forMs, 4_000));
      return;
    }
    case "lose-connection":
      link.isDialled = false;
      return until(() => void (link.isDialled = true));
    case "fill-memory":
      host.memoryFullUntilMs = world.nowMs + forMs;
      return;
    case "pull-fails":
      host.pullsFailUntilMs = world.nowMs + forMs;
      return;
    case "lie-about-version":
      host.liesUntilMs = world.nowMs + forMs;
      return;
    case "crash-loop": {
      const alive = host.generations.filter(isAlive);
      const one = alive.length === 0 ? undefined : world.random.pick(alive);
      if (one) one.isLooping = true;
      return until(() => {
        if (!one || !isAlive(one)) return;
        one.isLooping = false;
        one.healthy = true;
      });
    }
    default:
  }
}

/** The machine is gone: nothing on it runs or answers. It is back with its disk, or with an empty one. */
function loseHost(world: World, host: SimHost, isDiskLost: boolean, forMs: number): void {
  if (!host.isUp) return;
  host.isUp = false;
  host.life += 1;
  host.procedureToken += 1;
  stopSide(world, host);
  host.sessionId = null;
  const interrupted = [...host.attempts.values()].filter((attempt) => !attempt.isOver);
  for (const attempt of interrupted) attempt.isOver = true;
  world.after(forMs, () => {
    host.isUp = true;
    host.isAgentUp = true;
    host.changedAtMs = world.nowMs;
    world.tell(host.name, isDiskLost ? "is back with an empty disk" : "is back");
    if (isDiskLost) Object.assign(host, freshDisk(), { isStopping: false, afterProcedure: null });
    else {
      for (const one of host.generations.filter(isAlive)) restartWorker(world, host, one, nextBoot(host), 200);
      for (const { taskId, fence, leaseId } of interrupted) {
        host.spool.push({ taskId, fence, leaseId, status: "interrupted", reason: "its host went down" });
      }
    }
    runProcedure(world, host);
    resumeSide(world, host, isDiskLost);
    heartbeat(world, host);
  });
}

/** The agent dies in the middle of whatever it does; the next one goes on from its records. */
function killAgent(world: World, host: SimHost, forMs: number): void {
  if (!host.isAgentUp) return;
  host.isAgentUp = false;
  host.procedureToken += 1;
  stopSide(world, host);
  world.after(forMs, () => {
    host.isAgentUp = true;
    host.changedAtMs = world.nowMs;
    if (host.isUp) resumeSide(world, host);
    if (host.isUp && isRunning(host.procedure)) runProcedure(world, host);
  });
}

/** From now on nothing is wrong any more: links stand, machines and processes run, clocks stand as they are. */
export function mendAll(world: World): void {
  for (const host of world.hosts.values()) {
    host.link = soundLink();
    Object.assign(host, { pullsFailUntilMs: 0, liesUntilMs: 0, memoryFullUntilMs: 0, changedAtMs: world.nowMs });
    for (const one of [...host.generations, ...(world.sides.get(host.name)?.generations ?? [])]) {
      // What was started while its host lied is what it said it was, all the time.
      if (isAlive(one) && one.reports === `sha256:${"f".repeat(64)}` && isLied(world, one.digest))
        one.reports = one.digest;
    }
  }
  const [first, second] = world.controllers;
  second?.kill(null);
  if (first) {
    first.armed = null;
    first.slowStoreUntilMs = 0;
    first.start();
  }
}

function isLied(world: World, digest: string): boolean {
  return world.releases.get(digest)?.behaviour !== "reports-another";
}
