import { hostsOf, isTerminal, taskTransitions, type Completed } from "@valet/shared";
import { inFlightSteps, outOfServiceSteps } from "../decide/hosts.ts";
import type { CommandTo } from "../driver.ts";
import type { DeployDocument } from "../model.ts";
import { deployLaws, type Saved } from "./laws/deploy-laws.ts";
import {
  approvedByOthers,
  freezeKept,
  memoryHolds,
  oneChangeAtATime,
  shapeStands,
  sharedUnavailable,
  takenIdle,
} from "./laws/condition-laws.ts";
import {
  epochOrder,
  noTaskKilled,
  oneWarmGeneration,
  savedBeforePerformed,
  slotsWithinCapacity,
} from "./laws/host-laws.ts";
import { laws, type LawName, type Violation } from "./laws/law.ts";
import { firstWave } from "./laws/first-wave.ts";
import { isRunning, type SimAttempt, type SimGeneration, type SimHost } from "./sim-host.ts";
import type { ReleaseBehaviour } from "./script.ts";
import type { World } from "./world.ts";

/** Sees everything that happens in a world and remembers what it needs to tell whether a law was broken. */
export interface LawWatch {
  readonly violations: Violation[];
  broken(world: World, law: LawName, what: string | null): void;
  /** After every event. */
  look(world: World): void;
  /** `now`: by the clock of whoever decided it. */
  saved(world: World, saved: Saved & { now: number }): void;
  approved(deployId: string, actor: string): void;
  settled(world: World, deploy: DeployDocument): void;
  obeyed(world: World, host: SimHost, to: CommandTo, kind: string): void;
  started(world: World, host: SimHost, one: SimGeneration, behaviour: ReleaseBehaviour): void;
  ended(world: World, host: SimHost, one: SimGeneration, why: string): void;
  began(world: World, host: SimHost, attempt: SimAttempt): void;
  reserved(world: World, sandboxId: string, generation: number): void;
  wrote(world: World, host: SimHost, attempt: SimAttempt): void;
  completed(world: World, host: SimHost, completed: readonly Completed[]): void;
  /** A person laid or lifted a cordon. */
  cordoned(host: string, isHeld: boolean): void;
  /** A person said that a deploy shall go on although a host of it failed. */
  wavedOn(deployId: string): void;
}

export function makeLawWatch(): LawWatch {
  const violations: Violation[] = [];
  const outcomes = new Map<string, string>();
  const writes = new Map<string, number>();
  const touched = new Map<string, Set<string>>();
  const waves = new Map<string, number>();
  const byOperator = new Set<string>();
  const approvers = new Map<string, Set<string>>();
  /** Hosts that health checks held out of service when a deploy took them: nobody misses those. */
  const idle = new Set<string>();

  function broken(world: World, law: LawName, what: string | null): void {
    if (what === null) return;
    violations.push({ law, sentence: laws[law], atMs: world.nowMs, what });
    world.tell("LAW", `${law} is broken: ${what}`);
  }

  const attemptOf = (world: World, ref: { taskId: string; fence: number }) =>
    world.tasks.tasks.get(ref.taskId)?.attempts.find((one) => one.fence === ref.fence);

  return {
    violations,
    broken,
    look(world) {
      for (const host of world.hosts.values()) {
        const sandbox = world.tasks.sandboxes.get(host.name);
        if (!sandbox) continue;
        broken(world, "slotsWithinCapacity", slotsWithinCapacity(host, sandbox));
        broken(world, "oneWarmGeneration", oneWarmGeneration(host));
        if (hasMigrations(world)) broken(world, "shapeStands", shapeStands(world, host));
        if (byOperator.has(host.name) && !sandbox.cordons.some((one) => one.holderKind === "operator")) {
          byOperator.delete(host.name);
          broken(world, "cordonOfAnother", `the operator's cordon of ${host.name} is gone`);
        }
      }
      for (const side of world.sides.values()) broken(world, "oneWarmGeneration", oneWarmGeneration(side));
      broken(world, "maxUnavailable", tooManyDown(world, idle));
    },
    saved(world, saved) {
      for (const [name, law] of Object.entries(deployLaws)) broken(world, name as LawName, law(saved));
      const { next } = saved;
      for (const id of takenIdle(world, saved)) idle.add(`${next.id} ${id}`);
      const others = [...(approvers.get(next.id) ?? [])].filter((actor) => actor !== next.createdBy);
      broken(world, "freezeKept", freezeKept(world, saved, saved.now));
      broken(world, "approvedByOthers", approvedByOthers(world, saved, others.length));
      broken(world, "oneChangeAtATime", oneChangeAtATime(world, saved));
      broken(world, "sharedUnavailable", sharedUnavailable(world, saved, idle));
      const active = [...world.store.deploys.values()].filter((one) => isActive(one) && one.service === next.service);
      if (active.length > 1) broken(world, "oneActiveDeploy", active.map((one) => one.id).join(", "));
    },
    settled(world, deploy) {
      if (!isActive(deploy) || deploy.waitingOn.length > 0) return;
      broken(world, "noStuckDeploy", `deploy ${deploy.id} is ${deploy.state}, changes nothing and waits for nobody`);
    },
    obeyed(world, host, to) {
      broken(world, "epochOrder", epochOrder(host, to.epoch));
      host.lastObeyed = Math.max(host.lastObeyed, to.epoch);
      const sandbox = world.tasks.sandboxes.get(host.name);
      if (sandbox) broken(world, "savedBeforePerformed", savedBeforePerformed(host, to.epoch, sandbox));
    },
    started(world, host, one, behaviour) {
      broken(world, "memoryHolds", memoryHolds(host));
      const procedure = host.procedure;
      if (!isRunning(procedure) || procedure.kind !== "deploy" || one.digest === procedure.command.previousDigest)
        return;
      if (behaviour === "good" || behaviour === "fails-tasks" || behaviour === "crash-looping") return;
      const { deployId } = procedure.view;
      const hosts = touched.get(deployId) ?? new Set();
      touched.set(deployId, hosts.add(host.name));
      const deploy = world.store.deploys.get(deployId);
      const limit = deploy && firstWave(deploy);
      if (!deploy || limit === null || limit === undefined) return;
      const away = deploy.hosts.filter((step) => step.engine.absent && hosts.has(step.sandboxId)).length;
      const most = limit * (1 + (waves.get(deployId) ?? 0)) + away;
      if (hosts.size > most) {
        broken(
          world,
          "badReleaseContained",
          `deploy ${deployId} began on ${[...hosts].join(", ")}: ${hosts.size} hosts, its first wave is ${most}`,
        );
      }
    },
    ended(world, host, one, why) {
      const isOpen = (ref: { taskId: string; fence: number }) => attemptOf(world, ref)?.endedAt === null;
      broken(
        world,
        "noTaskKilled",
        noTaskKilled(host, one.generation, isOpen, (taskId) => why === "by force" && mayInterrupt(world, host, taskId)),
      );
    },
    began(world, host, attempt) {
      const open = attemptOf(world, attempt);
      if (!open || open.acknowledgedAt === null)
        broken(world, "noTaskLost", `${attempt.taskId} begins on ${host.name} without an acknowledgement`);
    },
    reserved(world, sandboxId, generation) {
      const sandbox = world.tasks.sandboxes.get(sandboxId);
      const digest = sandbox?.generations.get(generation)?.imageDigest ?? "";
      if (sandbox && sandbox.cordons.length > 0)
        broken(world, "allowedReleasesOnly", `work goes to ${sandboxId}, which is cordoned`);
      if (!world.tasks.allowedDigests(world.script.environment).includes(digest)) {
        broken(
          world,
          "allowedReleasesOnly",
          `work goes to ${sandboxId}, generation ${generation}, which runs ${digest}`,
        );
      }
    },
    wrote(world, host, attempt) {
      const { taskId, fence, stepIndex } = attempt;
      const task = world.tasks.tasks.get(taskId);
      const open = attemptOf(world, attempt);
      world.tell(host.name, `writes: ${taskId} fence ${fence}, step ${stepIndex}`);
      if (!task || task.fence !== fence || open?.endedAt !== null) {
        broken(
          world,
          "noWriteUnderDeadFence",
          `${taskId} step ${stepIndex} is written by fence ${fence} on ${host.name}; the newest is ${task?.fence}`,
        );
      }
      const key = `${taskId}.${stepIndex}`;
      writes.set(key, (writes.get(key) ?? 0) + 1);
      if ((writes.get(key) ?? 0) > 1 && task?.spec.restart === "review")
        broken(world, "noWriteTwice", `${taskId} step ${stepIndex}`);
    },
    completed(world, host, completed) {
      for (const { taskId, taken, state } of completed) {
        if (!taken || !isTerminal(taskTransitions, state)) continue;
        const known = outcomes.get(taskId);
        if (known !== undefined) broken(world, "oneOutcome", `${taskId} was ${known} and is ${state} (${host.name})`);
        outcomes.set(taskId, state);
        const open = world.tasks.tasks.get(taskId)?.attempts.find((one) => one.endedAt === null);
        if (open)
          broken(
            world,
            "oneOutcome",
            `${taskId} is ${state} while its attempt ${open.fence} runs on ${open.sandboxId}`,
          );
        world.movedAtMs = world.nowMs;
      }
    },
    cordoned(host, isHeld) {
      if (isHeld) byOperator.add(host);
      else byOperator.delete(host);
    },
    approved: (deployId, actor) =>
      void approvers.set(deployId, (approvers.get(deployId) ?? new Set<string>()).add(actor)),
    wavedOn: (deployId) => void waves.set(deployId, (waves.get(deployId) ?? 0) + 1),
  };
}

const hasMigrations = ({ script }: World): boolean => script.releases.some((one) => one.migration !== undefined);

function isActive({ state }: DeployDocument): boolean {
  return ["in_progress", "paused", "baking", "aborting", "rolling_back", "rollback_paused"].includes(state);
}

/** Hosts that a stop-first deploy on its way forward holds out of service; one that takes its release back frees them as fast as it can. */
function tooManyDown(world: World, idle: ReadonlySet<string>): string | null {
  for (const deploy of world.store.deploys.values()) {
    if (!isActive(deploy) || deploy.state === "rolling_back" || deploy.state === "rollback_paused") continue;
    let down = 0;
    for (const host of deploy.hosts)
      if (
        host.order === "stop-first" &&
        outOfServiceSteps.includes(host.step) &&
        !idle.has(`${deploy.id} ${host.sandboxId}`)
      )
        down += 1;
    if (down === 0) continue;
    const most = hostsOf(deploy.knobs.maxUnavailable, deploy.hosts.length);
    if (down > most) return `deploy ${deploy.id} holds ${down} hosts out of service, at most ${most} may be`;
  }
  return null;
}

/** Force, or requeue of a task that is safe to begin again. */
function mayInterrupt(world: World, host: SimHost, taskId: string): boolean {
  for (const deploy of world.store.deploys.values()) {
    const step = deploy.hosts.find((one) => one.sandboxId === host.name);
    if (!step || !(inFlightSteps.includes(step.step) || step.step === "updated")) continue;
    const action = deploy.knobs.drainDeadlineAction;
    if (action === "force") return true;
    const task = world.tasks.tasks.get(taskId);
    if (action === "requeue" && task && task.interruptions === 0) {
      // Asked for while it was safe; a permit granted since puts it to review, which is not lost either.
      return true;
    }
  }
  return false;
}
