import type { AgentDeployPhase } from "@valet/contracts";
import { becomeSound, createGeneration, endGeneration } from "./generations.ts";
import { isAlive, isRunning, type SimGeneration, type SimHost, type SimProcedure } from "./sim-host.ts";
import { applyPlan } from "./slot-plan.ts";
import { hostWallMs, isoAt, type World } from "./world.ts";

const stopMs = 500;
const verifyLeastMs = 300;

/** Runs or resumes the host's procedure: steps in time, each called off by a newer token (host/start-first, stop-first, roll-back). */
export function runProcedure(world: World, host: SimHost): void {
  const procedure = host.procedure;
  if (!isRunning(procedure)) return;
  host.procedureToken += 1;
  if (procedure.kind === "rollback") return goBack(world, host, procedure);
  const candidate = candidateOf(host, procedure);
  if (candidate) return verify(world, host, procedure, candidate);
  if (procedure.hasStopped) return start(world, host, procedure);
  fetch(world, host, procedure);
}

/** The next step, unless the procedure is called off or the agent dies before. */
function later(world: World, host: SimHost, ms: number, run: () => void): void {
  const token = host.procedureToken;
  world.after(ms, () => {
    if (host.procedureToken === token && host.isAgentUp && host.isUp) run();
  });
}

function candidateOf(host: SimHost, { view }: SimProcedure): SimGeneration | undefined {
  return host.generations.find((one) => one.generation === view.generation && isAlive(one));
}

function enter(world: World, host: SimHost, { view }: SimProcedure, phase: AgentDeployPhase, message: string): void {
  Object.assign(view, { phase, message });
  world.tell(host.name, `${phase}: ${message}`);
}

function finish(world: World, host: SimHost, procedure: SimProcedure, phase: AgentDeployPhase, message: string): void {
  enter(world, host, procedure, phase, message);
  procedure.view.endedAt = isoAt(hostWallMs(world, host));
  host.procedureToken += 1;
  host.isStopping = false;
  const next = host.afterProcedure;
  host.afterProcedure = null;
  next?.();
}

function fetch(world: World, host: SimHost, procedure: SimProcedure): void {
  const { tag } = procedure.command;
  enter(world, host, procedure, "fetching", `fetching ${tag}`);
  later(world, host, world.registry.get(tag)?.fetchMs ?? 500, () => {
    const found = pull(world, host, procedure);
    if (typeof found === "string")
      return finish(world, host, procedure, "failed", `${found}. Nothing on this host was changed.`);
    procedure.view.imageDigest = found.digest;
    if (procedure.view.order === "start-first") return start(world, host, procedure);
    procedure.hasStopped = true;
    host.isStopping = true;
    enter(world, host, procedure, "stopping", "stopping what ran");
    later(world, host, stopMs, () => {
      for (const one of host.generations.filter(isAlive))
        endGeneration(world, host, one, `for ${procedure.view.deployId}`);
      start(world, host, procedure);
    });
  });
}

/** A tag that points elsewhere than the digest asked for fails, as does any failed pull. */
function pull(world: World, host: SimHost, { command }: SimProcedure): { digest: string } | string {
  const release = world.registry.get(command.tag);
  if (world.nowMs < host.pullsFailUntilMs) return `the pull of ${command.tag} failed: the registry does not answer`;
  if (!release) return `the pull of ${command.tag} failed: not found`;
  if (command.digest !== null && command.digest !== release.digest) {
    return `tag ${command.tag} moved: it points at ${release.digest}, this deploy is of ${command.digest}`;
  }
  return release;
}

function start(world: World, host: SimHost, procedure: SimProcedure): void {
  const { view, command } = procedure;
  const digest = view.imageDigest ?? command.digest ?? "";
  const candidate = createGeneration(world, host, command.tag, digest);
  view.generation = candidate.generation;
  host.isStopping = false;
  enter(world, host, procedure, "starting", `starting ${command.tag} as generation ${candidate.generation}`);
  later(world, host, world.releases.get(digest)?.bootMs ?? 500, () => verify(world, host, procedure, candidate));
}

function verify(world: World, host: SimHost, procedure: SimProcedure, candidate: SimGeneration): void {
  const { command, view } = procedure;
  enter(world, host, procedure, "verifying", `verifying ${command.tag}, generation ${candidate.generation}`);
  const behaviour = world.releases.get(candidate.digest)?.behaviour ?? "good";
  if (behaviour === "never-healthy") {
    const message = `not healthy within ${command.healthyDeadlineMs} ms`;
    return later(world, host, Math.min(command.healthyDeadlineMs, 8_000), () =>
      fail(world, host, procedure, candidate, message),
    );
  }
  later(world, host, Math.max(command.minHealthyMs, verifyLeastMs), () => {
    if (candidate.isLooping) return fail(world, host, procedure, candidate, "it is crash-looping");
    becomeSound(world, host, candidate);
    candidate.state = "serving";
    if (view.order === "stop-first") {
      // Nobody else is there to take its slots from: it serves at once.
      host.drainedBy.delete(view.deployId);
    }
    const isStopFirst = view.order === "stop-first";
    finish(
      world,
      host,
      procedure,
      isStopFirst ? "serving" : "verified",
      `generation ${candidate.generation} is verified`,
    );
    if (behaviour === "crash-looping") world.after(3_000, () => void (candidate.isLooping = isAlive(candidate)));
    applyPlan(world, host);
  });
}

function fail(world: World, host: SimHost, procedure: SimProcedure, candidate: SimGeneration, message: string): void {
  endGeneration(world, host, candidate, `because ${message}`);
  if (procedure.view.order === "start-first") {
    return finish(world, host, procedure, "failed", `${procedure.command.tag}: ${message}. What ran before runs on.`);
  }
  const { previousDigest } = procedure.command;
  if (previousDigest === null) return finish(world, host, procedure, "failed", `${message}. Nothing runs here now.`);
  enter(world, host, procedure, "rolling_back", `${message}. Going back to ${previousDigest}`);
  const tag = world.releases.get(previousDigest)?.tag ?? previousDigest.slice(7, 19);
  const revived = createGeneration(world, host, tag, previousDigest);
  later(world, host, world.releases.get(previousDigest)?.bootMs ?? 500, () => {
    becomeSound(world, host, revived);
    revived.state = "serving";
    host.drainedBy.delete(procedure.view.deployId);
    finish(
      world,
      host,
      procedure,
      "rolled_back",
      `${message}. ${tag} serves again as generation ${revived.generation}`,
    );
    applyPlan(world, host);
  });
}

/** A generation of the release that lives is woken, else it is started anew; only then do newer ones leave. */
function goBack(world: World, host: SimHost, procedure: SimProcedure): void {
  const digest = procedure.command.digest ?? "";
  const { view } = procedure;
  enter(world, host, procedure, "rolling_back", `going back to ${procedure.command.tag}`);
  const living = host.generations.find(
    (one) => one.digest === digest && isAlive(one) && one.state !== "starting" && one.generation !== view.generation,
  );
  if (living) return later(world, host, verifyLeastMs, () => serveAgain(world, host, procedure, living));
  const release = world.releases.get(digest);
  later(world, host, release?.fetchMs ?? 500, () => {
    if (world.nowMs < host.pullsFailUntilMs || !release) {
      return finish(world, host, procedure, "failed", `${digest} cannot be had. What runs was left alone.`);
    }
    const anew = candidateOf(host, procedure) ?? createGeneration(world, host, release.tag, digest);
    view.generation = anew.generation;
    later(world, host, release.bootMs, () => serveAgain(world, host, procedure, anew));
  });
}

function serveAgain(world: World, host: SimHost, procedure: SimProcedure, back: SimGeneration): void {
  if (!isAlive(back) || back.isLooping) {
    return finish(world, host, procedure, "failed", `generation ${back.generation} cannot be woken`);
  }
  if (!back.healthy) becomeSound(world, host, back);
  back.state = "serving";
  back.warmUntilMs = null;
  for (const newer of host.generations) {
    if (newer === back || newer.state !== "serving") continue;
    Object.assign(newer, { state: "draining", afterDrain: "ended", handsOver: true });
  }
  host.drainedBy.delete(procedure.view.deployId);
  procedure.view.generation = back.generation;
  finish(world, host, procedure, "rolled_back", `serves as generation ${back.generation}`);
  applyPlan(world, host);
}

/** Calls the procedure off where it has not gone too far: its candidate ends, what served goes on. */
export function cancelProcedure(world: World, host: SimHost, why: string): void {
  const { procedure } = host;
  if (!isRunning(procedure) || procedure.hasStopped) return;
  const candidate = candidateOf(host, procedure);
  if (candidate?.state === "starting") endGeneration(world, host, candidate, `as ${why}`);
  finish(world, host, procedure, "superseded", why);
}
