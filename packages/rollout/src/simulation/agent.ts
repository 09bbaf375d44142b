import type { AgentDeployCommand, AgentGeneration, AgentHealth } from "@valet/contracts";
import { err, ok, type Result } from "@valet/shared";
import type { CommandTo, DriverError } from "../driver.ts";
import { cancelProcedure, runProcedure } from "./procedures.ts";
import { endGeneration, tellWorkers } from "./generations.ts";
import {
  countRunning,
  isAccepting,
  isAlive,
  isRunning,
  runningOn,
  type SimGeneration,
  type SimHost,
  type SimProcedure,
} from "./sim-host.ts";
import { hostWallMs, isoAt, type World } from "./world.ts";

type Answer = Result<string, DriverError>;
export type AgentOrder =
  | { kind: "deploy"; command: AgentDeployCommand }
  | { kind: "settle"; generation: number; rollbackWindowMs: number }
  | { kind: "rollback"; digest: string }
  | { kind: "drain" | "undrain" | "fence" }
  | { kind: "end_generation"; generation: number; force: boolean };

/**
 * The agent of one simulated host takes a command as the real one does (apps/agent commands.ts, host/deployer.ts): what is refused
 * changes nothing; then the epoch is in the ledger, and only then it acts.
 */
export function takeOrder(world: World, host: SimHost, to: CommandTo, order: AgentOrder): Answer {
  const checked = host.ledger.check(to.epoch);
  if (!checked.ok) return err({ kind: "stale", epoch: checked.error.epoch, message: checked.error.message });
  const refused = order.kind === "deploy" ? refuseDeploy(host, to, order.command) : undefined;
  if (refused) return refused;
  const admitted = host.ledger.admit(to.epoch);
  if (!admitted.ok) return err({ kind: "stale", epoch: admitted.error.epoch, message: admitted.error.message });
  world.laws.obeyed(world, host, to, order.kind);
  world.tell(host.name, `obeys ${order.kind}, epoch ${to.epoch}, of ${to.deployId}`);
  return act(world, host, to, order);
}

function act(world: World, host: SimHost, to: CommandTo, order: AgentOrder): Answer {
  switch (order.kind) {
    case "deploy":
      return deploy(world, host, to, order.command);
    case "settle":
      return settle(world, host, to, order);
    case "rollback":
      return rollback(world, host, to, order.digest);
    case "drain":
    case "undrain":
      host.drainedBy.delete(to.deployId);
      if (order.kind === "drain") host.drainedBy.add(to.deployId);
      tellWorkers(world, host);
      return ok(order.kind === "drain" ? "draining" : "accepting");
    case "fence":
      if (isRunning(host.procedure) && host.procedure.view.deployId === to.deployId)
        cancelProcedure(world, host, "fenced off");
      return ok("fenced");
    case "end_generation":
      return end(world, host, order);
  }
}

/** The same deploy, and what it started is still there. */
function standing(host: SimHost, to: CommandTo, command: AgentDeployCommand): SimProcedure | undefined {
  const known = host.procedure;
  if (known?.kind !== "deploy" || known.view.deployId !== to.deployId || known.view.imageTag !== command.image_tag)
    return undefined;
  if (known.view.endedAt === null) return known;
  const generation = host.generations.find((one) => one.generation === known.view.generation);
  const isUp = known.view.phase === "verified" || known.view.phase === "serving";
  return isUp && generation && isAlive(generation) ? known : undefined;
}

function refuseDeploy(host: SimHost, to: CommandTo, command: AgentDeployCommand): Answer | undefined {
  if (!isRunning(host.procedure) || standing(host, to, command) === host.procedure) return undefined;
  const { deployId, imageTag, phase } = host.procedure.view;
  return err({ kind: "busy", message: `deploy ${deployId} of ${imageTag} is running (${phase})` });
}

function deploy(world: World, host: SimHost, to: CommandTo, command: AgentDeployCommand): Answer {
  const known = standing(host, to, command);
  if (known) {
    known.view.epoch = to.epoch;
    return ok(`Deploy of ${command.image_tag} stands`);
  }
  begin(world, host, to, {
    kind: "deploy",
    tag: command.image_tag,
    digest: command.image_digest ?? null,
    previousDigest: command.previous_digest ?? null,
    order: command.order ?? "stop-first",
    minHealthyMs: command.min_healthy_ms ?? 5000,
    healthyDeadlineMs: command.healthy_deadline_ms ?? 60_000,
  });
  return ok(`Deploy of ${command.image_tag} initiated`);
}

function rollback(world: World, host: SimHost, to: CommandTo, digest: string): Answer {
  const running = isRunning(host.procedure) ? host.procedure : null;
  if (running?.kind === "rollback" && running.view.imageDigest === digest) {
    running.view.epoch = to.epoch;
    return ok("rolling back");
  }
  // A stop-first that has begun to stop what ran goes on to its end first, as on a real host.
  const tag = world.releases.get(digest)?.tag ?? digest.slice(7, 19);
  const next = () =>
    begin(world, host, to, {
      ...{ kind: "rollback" as const, tag, digest, previousDigest: null, order: "start-first" as const },
      ...{ minHealthyMs: 0, healthyDeadlineMs: 60_000 },
    });
  if (running?.hasStopped) host.afterProcedure = next;
  else {
    cancelProcedure(world, host, "a rollback took over");
    next();
  }
  return ok("rolling back");
}

interface Begun {
  kind: SimProcedure["kind"];
  tag: string;
  digest: string | null;
  previousDigest: string | null;
  order: "start-first" | "stop-first";
  minHealthyMs: number;
  healthyDeadlineMs: number;
}

function begin(world: World, host: SimHost, to: CommandTo, what: Begun): void {
  const { kind, order, ...command } = what;
  host.procedure = {
    kind,
    command,
    hasStopped: false,
    view: {
      deployId: to.deployId,
      epoch: to.epoch,
      imageTag: what.tag,
      imageDigest: what.digest,
      order,
      generation: null,
      phase: kind === "rollback" ? "rolling_back" : "fetching",
      message: `${kind} of ${what.tag} accepted`,
      startedAt: isoAt(hostWallMs(world, host)),
      endedAt: null,
      pinned: false,
      timings: {},
    },
  };
  runProcedure(world, host);
}

function settle(
  world: World,
  host: SimHost,
  to: CommandTo,
  won: { generation: number; rollbackWindowMs: number },
): Answer {
  const winner = host.generations.find((one) => one.generation === won.generation);
  if (!winner || winner.state === "starting" || !isAlive(winner)) {
    return err({ kind: "busy", message: `generation ${won.generation} is not one that could serve here` });
  }
  winner.state = "serving";
  winner.warmUntilMs = null;
  for (const other of host.generations) {
    if (other === winner || (other.state !== "serving" && other.state !== "draining")) continue;
    const isLeaving = other.generation > won.generation || other.afterDrain === "ended";
    Object.assign(other, { state: "draining", handsOver: false, warmForMs: won.rollbackWindowMs });
    other.afterDrain = isLeaving ? "ended" : "warm";
  }
  const view = host.procedure?.view;
  if (view?.deployId === to.deployId && view.phase === "verified") view.phase = "serving";
  return ok(`generation ${won.generation} serves`);
}

function end(world: World, host: SimHost, order: { generation: number; force: boolean }): Answer {
  const one = host.generations.find((other) => other.generation === order.generation);
  if (!one) return err({ kind: "refused", status: 404, message: `there is no generation ${order.generation} here` });
  if (!isAlive(one)) return ok("it has ended");
  if (isRunning(host.procedure) && host.procedure.view.generation === one.generation && one.state === "starting") {
    cancelProcedure(world, host, "its generation was ended");
    return ok("its deploy is called off");
  }
  if (!order.force && runningOn(host, one.generation).length > 0) {
    return err({ kind: "busy", message: `generation ${one.generation} runs tasks` });
  }
  endGeneration(world, host, one, order.force ? "by force" : "on command");
  return ok("it ends");
}

/** What the agent says of its host; each answer a copy, for it travels. Made thousands of times a story, so nothing fancy. */
export function healthOf(host: SimHost, nowMs = 0): AgentHealth {
  const generations: AgentGeneration[] = [];
  let newest: AgentGeneration | null = null;
  let activeWorkers: number | null = 0;
  let isAnyAccepting = false;
  for (const one of host.generations) {
    const view = viewOf(host, one);
    generations.push(view);
    if (one.state === "serving") newest = view;
    if (view.accepting) isAnyAccepting = true;
    if (one.state === "ended") continue;
    activeWorkers = view.activeJobs === null || activeWorkers === null ? null : activeWorkers + view.activeJobs;
  }
  return {
    status: "ok",
    cpu: 0,
    memoryTotalMb: 4000,
    memoryUsedMb: 1000,
    diskTotalGb: 40,
    diskUsedGb: 4,
    adspowerStatus: "stopped",
    activeProfiles: 0,
    uptime: 1,
    version: "simulated",
    activeWorkers,
    generation: newest?.generation ?? null,
    imageTag: newest?.imageTag ?? null,
    imageDigest: newest?.imageDigest ?? null,
    currentDeploy: host.procedure && { ...host.procedure.view },
    deploySafe: activeWorkers === 0,
    accepting: isAnyAccepting,
    epoch: host.ledger.current(),
    generations,
    ...(host.rooms === undefined ? {} : { admission: admissionOf(host, host.rooms, nowMs) }),
  };
}

/** What one more generation takes. */
const neededMb = 500;

function admissionOf(host: SimHost, rooms: number, nowMs: number): NonNullable<AgentHealth["admission"]> {
  const taken = host.generations.filter(isAlive).length;
  const freeMb = nowMs < host.memoryFullUntilMs ? 0 : Math.max(0, rooms + 1 - taken) * neededMb;
  return { admits: freeMb >= neededMb, neededMb, freeMb };
}

function viewOf(host: SimHost, one: SimGeneration): AgentGeneration {
  const isEnded = one.state === "ended";
  return {
    generation: one.generation,
    state: one.state,
    imageTag: one.tag,
    imageDigest: isEnded || !one.isWorkerUp ? null : one.reports,
    desiredDigest: one.digest,
    apiPort: 0,
    workerPort: 0,
    apiPid: null,
    workerPid: null,
    healthy: !isEnded && one.healthy && one.isWorkerUp,
    accepting: isAccepting(host, one),
    activeJobs: isEnded ? 0 : one.isWorkerUp ? countRunning(host, one.generation) : null,
    restarts: one.restarts,
    startedAt: one.startedAt,
  };
}
