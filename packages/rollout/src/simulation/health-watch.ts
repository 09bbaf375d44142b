import type { AgentHealth } from "@valet/contracts";
import { freshMs, type Clock } from "@valet/shared";
import { inFlightSteps } from "../decide/hosts.ts";
import { driftOf } from "../drift.ts";
import type { MemoryTaskSandbox } from "./tasks/model.ts";
import { healthOf } from "./agent.ts";
import { queueConverge } from "./deploy-rows.ts";
import { canBeSeen } from "./network.ts";
import type { SimHost } from "./sim-host.ts";
import { wallMs, type World } from "./world.ts";

/** Cordons and lifts in health's own name, retargets, and queues the deploys that converge hosts (apps/worker watch-health.ts). */
export interface HealthWatch {
  round(): void;
}

const silentMs = 15_000;
const everyMs = 3_000;
const silent = { holderKind: "health", holderId: "unreachable" } as const;
const drifted = { holderKind: "health", holderId: "drift" } as const;

export function makeHealthWatch(world: World, clock: Clock): HealthWatch {
  const silentSince = new Map<string, number>();
  const unsoundSince = new Map<string, number>();
  let nextMs = 0;

  /** Notes when it began; true once it has gone on for too long. */
  const lasts = (since: Map<string, number>, name: string): boolean => {
    const began = since.get(name) ?? clock.monotonicMs();
    since.set(name, began);
    return clock.monotonicMs() - began >= silentMs;
  };

  function watch(host: SimHost, sandbox: MemoryTaskSandbox, busy: ReadonlySet<string>): boolean {
    if (!canBeSeen(host)) {
      if (lasts(silentSince, host.name) && !has(sandbox, silent)) giveUp(world, sandbox);
      return false;
    }
    silentSince.delete(host.name);
    const health = healthOf(host, world.nowMs);
    const allowed = world.tasks.allowedDigests(world.script.environment);
    const drift = driftOf(health, sandbox.target, allowed);
    if (drift.kind === "unsound" && !lasts(unsoundSince, host.name)) return false;
    if (drift.kind !== "unsound") unsoundSince.delete(host.name);
    return welcome(world, sandbox, health, drift, busy.has(host.name));
  }

  return {
    round() {
      if (clock.monotonicMs() < nextMs) return;
      nextMs = clock.monotonicMs() + everyMs;
      const busy = underDeploy(world);
      const drift: string[] = [];
      for (const host of world.hosts.values()) {
        const sandbox = world.tasks.sandboxes.get(host.name);
        if (sandbox && watch(host, sandbox, busy)) drift.push(host.name);
      }
      if (drift.length > 0) queueConverge(world, drift);
    },
  };
}

function underDeploy(world: World): Set<string> {
  const busy = new Set<string>();
  for (const deploy of world.store.deploys.values()) {
    if (deploy.endedAt !== null) continue;
    for (const host of deploy.hosts) {
      if (inFlightSteps.includes(host.step) || host.step === "rolling_back") busy.add(host.sandboxId);
    }
  }
  return busy;
}

function isSessionLive(world: World, { session }: MemoryTaskSandbox): boolean {
  if (!session || session.isClosed) return false;
  return wallMs(world) - session.lastHeartbeatAt < freshMs(world.times);
}

function giveUp(world: World, sandbox: MemoryTaskSandbox): void {
  world.tell("health", `${sandbox.name} does not answer: cordoned`);
  world.tasks.addCordon(sandbox.id, { ...silent, reason: "its agent does not answer" });
  if (!isSessionLive(world, sandbox)) world.tasks.setReachable(sandbox.id, false);
  world.tasks.moveSandbox(sandbox.id, "unhealthy");
}

/** True when the host runs what it may not run and needs a deploy of its own. */
function welcome(
  world: World,
  sandbox: MemoryTaskSandbox,
  health: AgentHealth,
  drift: ReturnType<typeof driftOf>,
  isInDeploy: boolean,
): boolean {
  if (health.epoch > sandbox.epoch) {
    world.tasks.apply({ kind: "claim_epoch", sandboxId: sandbox.id, epoch: health.epoch }, sandbox.environment);
  }
  if (isInDeploy) {
    if (has(sandbox, silent)) world.tasks.removeCordon(sandbox.id, silent);
    return false;
  }
  if (drift.kind === "unsound") {
    if (sandbox.state === "active") world.tasks.moveSandbox(sandbox.id, "unhealthy");
    return false;
  }
  if (drift.kind === "converge" && !has(sandbox, drifted)) {
    world.tell("health", `${sandbox.name} is held: ${drift.reason}`);
    world.tasks.addCordon(sandbox.id, { ...drifted, reason: drift.reason });
  }
  if (drift.kind === "retarget") world.tasks.setTargetGeneration(sandbox.id, drift.generation);
  serveAgain(world, sandbox, drift.kind === "converge");
  return drift.kind === "converge";
}

function serveAgain(world: World, sandbox: MemoryTaskSandbox, isHeld: boolean): void {
  if (has(sandbox, silent)) {
    world.tell("health", `${sandbox.name} answers again`);
    world.tasks.removeCordon(sandbox.id, silent);
  }
  if (!isHeld && has(sandbox, drifted)) world.tasks.removeCordon(sandbox.id, drifted);
  if (sandbox.state !== "provisioning" && sandbox.state !== "unhealthy") return;
  if (isSessionLive(world, sandbox)) world.tasks.moveSandbox(sandbox.id, "active");
}

function has(sandbox: MemoryTaskSandbox, holder: { holderKind: string; holderId: string }): boolean {
  return sandbox.cordons.some((one) => one.holderKind === holder.holderKind && one.holderId === holder.holderId);
}
