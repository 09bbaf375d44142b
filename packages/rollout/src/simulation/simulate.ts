import { leaseTimes } from "@valet/shared";
import { makeMemoryStore } from "../memory-store.ts";
import { freezesOf } from "./freezes.ts";
import { migrationsOf } from "./database.ts";
import { furnishSide, shareBetweenServices, tickSide } from "./side-service.ts";
import { becomeSound, createGeneration, tickGenerations } from "./generations.ts";
import { makeController } from "./controller.ts";
import { makeCoverage } from "./coverage.ts";
import { doDeed } from "./deeds.ts";
import { addDeploy, simTimes } from "./deploy-rows.ts";
import { makeEventQueue } from "./event-queue.ts";
import { mendAll, strikeFault } from "./faults.ts";
import { defaultKnobs } from "@valet/shared";
import { makeLawWatch } from "./law-watch.ts";
import type { Violation } from "./laws/law.ts";
import { isQuiet, isStanding, lookAtTheEnd, tendCalm } from "./calm.ts";
import { makeRandom } from "./random.ts";
import { deliverSpool, heartbeat, heartbeatSoon } from "./sandbox-worker.ts";
import { samplesOf } from "./samples.ts";
import { firstTag, isFault, type Script } from "./script.ts";
import { makeSimHost, type SimHost } from "./sim-host.ts";
import { makeMemoryTasks } from "./tasks/memory-tasks.ts";
import { digestOf, isoAt, wallMs, type SimRelease, type World } from "./world.ts";

export interface Simulated {
  events: number;
  endedAtMs: number;
  violations: Violation[];
  pairs: ReadonlySet<string>;
}
export interface SimulateOptions {
  /** Told each line of the story. */
  onLine?: (atMs: number, who: string, what: string) => void;
  /** Stops at the first broken law. */
  stopAtFirst?: boolean;
}

/** After the calm has begun, all must have come to its end within so long, however slowly it moves. */
const patienceMs = 2_400_000;
/** A story that never ends would hang the sweep. */
const mostEvents = 200_000;

/** Lives through one script. The same script gives the same events, in the same order, each time. */
export async function simulate(script: Script, options: SimulateOptions = {}): Promise<Simulated> {
  const world = makeWorld(script, options);
  for (const happening of script.happenings) {
    world.queue.push(happening.atMs, () =>
      isFault(happening) ? strikeFault(world, happening) : doDeed(world, happening),
    );
  }
  world.queue.push(script.calmAtMs, () => beginCalm(world));
  await run(world, options);
  return {
    events: world.events,
    endedAtMs: world.nowMs,
    violations: world.laws.violations,
    pairs: world.coverage.pairs,
  };
}

async function run(world: World, { stopAtFirst = false }: SimulateOptions): Promise<void> {
  const endMs = world.script.calmAtMs + patienceMs;
  for (;;) {
    const event = world.queue.pop();
    if (!event || event.atMs > endMs || world.events >= mostEvents) break;
    world.nowMs = event.atMs;
    world.events += 1;
    event.run();
    if (world.hasPromises) {
      world.hasPromises = false;
      // Everything that waits for this event goes on, as far as it can, before the next one.
      await new Promise((resolve) => setImmediate(resolve));
    }
    world.laws.look(world);
    if (stopAtFirst && world.laws.violations.length > 0) return;
    if (world.isCalm && (isQuiet(world) || isStanding(world))) break;
  }
  lookAtTheEnd(world);
}

function beginCalm(world: World): void {
  world.isCalm = true;
  world.tell("world", "is calm from here on");
  mendAll(world);
  const tend = () => {
    tendCalm(world);
    world.after(5_000, tend);
  };
  tend();
}

function makeWorld(script: Script, { onLine }: SimulateOptions): World {
  const random = makeRandom(script.seed, "run");
  const ties = random.fork("ties");
  const names = random.fork("ids");
  let ids = 0;
  const queue = makeEventQueue(() => ties.next());
  const times = leaseTimes(script.leaseMs);
  const clock = { now: (): number => wallMs(world) };
  // Ids are drawn, so that nothing hangs on their order of creation.
  const tasks = makeMemoryTasks({ clock, times, ids: () => `${names.int(1_000_000, 9_999_999)}-${(ids += 1)}` });
  const world: World = {
    ...{ script, random, queue, tasks, times },
    store: makeMemoryStore(shareBetweenServices(tasks)),
    shapes: new Set(["old"]),
    sides: new Map(),
    hosts: new Map(),
    registry: new Map(),
    releases: new Map(),
    steps: new Map(),
    taskIds: new Map(),
    controllers: [],
    tagMoves: 0,
    laws: makeLawWatch(),
    coverage: makeCoverage(),
    convergedAtMs: new Map(),
    calmAsks: new Map(),
    nowMs: 0,
    movedAtMs: 0,
    isCalm: false,
    hasPromises: false,
    events: 0,
    parts: {
      heartbeatSoon: (host) => heartbeatSoon(world, host),
      deliverSpool: (host) => deliverSpool(world, host),
    },
    tell: (who, what) => onLine?.(world.nowMs, who, what),
    after: (ms, run) => queue.push(world.nowMs + ms, run),
  };
  world.store.rules.samplesOf = (deploy) => samplesOf(world, deploy);
  Object.assign(world.store.rules, { requiredApprovals: script.approvals ?? 0, freezes: freezesOf(script) });
  world.store.rules.migrationsOf = (deploy) => migrationsOf(world, deploy);
  furnish(world);
  furnishSide(world);
  return world;
}

/** A fleet on which the first release has completed. */
function furnish(world: World): void {
  const { script } = world;
  for (const { tag, ...release } of script.releases) {
    const made: SimRelease = { tag, digest: digestOf(tag), ...release };
    world.registry.set(tag, made);
    world.releases.set(made.digest, made);
  }
  const digest = digestOf(firstTag);
  world.tasks.allowRelease(script.environment, digest);
  for (const { name, slots, rooms, way = "direct" } of script.hosts) {
    const host = Object.assign(makeSimHost(name, slots), { rooms, way });
    world.hosts.set(name, host);
    world.tasks.addSandbox({ id: name, name, environment: script.environment, capacity: slots });
    const one = createGeneration(world, host, firstTag, digest);
    becomeSound(world, host, one);
    one.state = "serving";
    world.tasks.setTargetGeneration(name, one.generation);
    beat(world, host);
  }
  const knobs = { ...defaultKnobs(), ...simTimes };
  addDeploy(world, firstTag, knobs, {
    ...{
      state: "completed",
      imageDigest: digest,
      engine: { kind: "ended" },
      startedAt: wallMs(world) - 2,
      endedAt: wallMs(world) - 1,
    },
    stateReason: `since ${isoAt(wallMs(world))}`,
  });
  for (const name of ["control-1", "control-2"]) world.controllers.push(makeController(world, name));
  world.controllers[0]?.start();
  const beatApi = () => {
    world.tasks.beat({ kind: "api", id: "api-1" });
    world.after(world.times.heartbeatMs, beatApi);
  };
  beatApi();
}

/** The agent's and the sandbox worker's own ticks, each host at its own moments. */
function beat(world: World, host: SimHost): void {
  const everyMs = world.times.heartbeatMs;
  const tick = () => {
    world.after(everyMs, tick);
    if (!host.isUp) return;
    if (host.isAgentUp) {
      tickGenerations(world, host);
      tickSide(world, host);
    }
    heartbeat(world, host);
  };
  world.after(world.random.int(0, 500), tick);
}
