import { defaultKnobs, makeFakeClock, type FakeClock, type RolloutKnobs } from "@valet/shared";
import { makeFakeDriver, makeFakeHost, type FakeHost, type FakeRelease } from "../drivers/fake-host.ts";
import { makeMemoryStore, type MemorySandbox, type MemoryStore } from "../memory-store.ts";
import { freshCourse, type DeployDocument } from "../model.ts";
import { makeReconcile, type Reconcile } from "../reconcile.ts";
import type { DeployStore } from "../store.ts";

export const digestOf = (tag: string): string => {
  const hex = [...tag].map((letter) => letter.charCodeAt(0).toString(16)).join("");
  return `sha256:${hex.padEnd(64, "0")}`;
};

/** A whole small fleet in memory: a store, hosts, tasks and a clock, with the one rule of the database that matters here (hand-over). */
export interface World {
  clock: FakeClock;
  store: MemoryStore;
  hosts: Map<string, FakeHost>;
  registry: Map<string, FakeRelease>;
  reconcile: Reconcile;
  /** A new engine over the same store: what a restarted process is. */
  restartEngine(store?: DeployStore): Reconcile;
  /** One second: the database hands slots over, the engine passes over each open deploy. */
  tick(ms?: number): Promise<void>;
  /** Ticks until `done` or the limit; fails with what the deploys wait on. */
  until(done: () => boolean, most?: number): Promise<void>;
  deploy(id: string): DeployDocument;
  addDeploy(id: string, tag: string, knobs?: Partial<RolloutKnobs>, more?: Partial<DeployDocument>): void;
  host(name: string): FakeHost;
  sandbox(name: string): MemorySandbox;
  startTask(name: string, slot: number, taskId: string, requeueable?: boolean): void;
  endTask(taskId: string): void;
  /** Cuts the host off; `cordon`: as health checks do after a while. */
  cutOff(name: string, cordon?: boolean): void;
  comeBack(name: string): void;
}

export function makeWorld(names: readonly string[], options: { slots?: number; environment?: string } = {}): World {
  const clock = makeFakeClock();
  const store = makeMemoryStore();
  const registry = new Map<string, FakeRelease>();
  for (const tag of ["v1", "v2", "v3"]) registry.set(tag, { digest: digestOf(tag), fetchMs: 1000, bootMs: 1000 });
  const hosts = new Map<string, FakeHost>();
  const environment = options.environment ?? "staging";
  for (const name of names) {
    const attemptsOn = (generation: number) =>
      sandboxOf(name).openAttempts.filter((attempt) => attempt.generation === generation).length;
    const host = makeFakeHost(name, { clock, registry, jobsOn: attemptsOn });
    hosts.set(name, host);
    store.sandboxes.set(name, freshSandbox(name, environment, options.slots ?? 2));
  }
  function sandboxOf(name: string): MemorySandbox {
    const sandbox = store.sandboxes.get(name);
    if (!sandbox) throw new Error(`there is no sandbox ${name}`);
    return sandbox;
  }
  function hostOf(name: string): FakeHost {
    const host = hosts.get(name);
    if (!host) throw new Error(`there is no host ${name}`);
    return host;
  }
  const restartEngine = (over: DeployStore = store) =>
    makeReconcile({ store: over, driver: makeFakeDriver(hosts), clock });
  const world: World = {
    clock,
    store,
    hosts,
    registry,
    reconcile: restartEngine(),
    restartEngine,
    async tick(ms = 1000) {
      await clock.advance(ms);
      for (const name of names) settleSandbox(sandboxOf(name), hostOf(name));
      for (const id of await store.listOpen()) await world.reconcile(id, new AbortController().signal);
    },
    async until(done, most = 400) {
      for (let n = 0; n < most; n += 1) {
        if (done()) return;
        await world.tick();
      }
      const told = [...store.deploys.values()].map((one) => ({
        id: one.id,
        state: one.state,
        reason: one.stateReason,
        waitingOn: one.waitingOn,
        hosts: one.hosts.map((host) => `${host.name} ${host.step}: ${host.reason}`),
      }));
      throw new Error(`not within ${most} ticks: ${JSON.stringify(told, null, 1)}`);
    },
    deploy(id) {
      const deploy = store.deploys.get(id);
      if (!deploy) throw new Error(`there is no deploy ${id}`);
      return deploy;
    },
    addDeploy(id, tag, knobs = {}, more = {}) {
      store.add(freshDeploy(id, tag, environment, { ...defaultKnobs(knobs.order), ...knobs }, more));
    },
    host: hostOf,
    sandbox: sandboxOf,
    startTask(name, slot, taskId, requeueable = false) {
      const row = sandboxOf(name).slots[slot];
      if (!row || row.generation === null || row.state !== "accepting") throw new Error(`slot ${slot} is not free`);
      row.state = "occupied";
      sandboxOf(name).openAttempts.push({ taskId, generation: row.generation, requeueable });
      slotOfTask.set(taskId, { name, slot });
    },
    endTask(taskId) {
      const place = slotOfTask.get(taskId);
      if (!place) throw new Error(`there is no task ${taskId}`);
      const sandbox = sandboxOf(place.name);
      sandbox.openAttempts = sandbox.openAttempts.filter((attempt) => attempt.taskId !== taskId);
      const row = sandbox.slots[place.slot];
      if (row) row.state = "renewing";
    },
    cutOff(name, cordon = false) {
      hostOf(name).isReachable = false;
      const sandbox = sandboxOf(name);
      sandbox.unreachableSince = clock.now();
      if (cordon) sandbox.cordons.push({ holderKind: "health", holderId: "watch", reason: "unreachable" });
    },
    comeBack(name) {
      hostOf(name).isReachable = true;
      const sandbox = sandboxOf(name);
      sandbox.unreachableSince = null;
      sandbox.cordons = sandbox.cordons.filter((cordon) => cordon.holderKind !== "health");
    },
  };
  const slotOfTask = new Map<string, { name: string; slot: number }>();
  return world;
}

/** The database's part: interrupted tasks end, and one free slot a tick goes to the target generation. */
function settleSandbox(sandbox: MemorySandbox, host: FakeHost): void {
  host.health();
  const alive = new Set(host.generations.filter((one) => one.state !== "ended").map((one) => one.generation));
  const killed = sandbox.openAttempts.filter((attempt) => !alive.has(attempt.generation));
  sandbox.openAttempts = sandbox.openAttempts.filter((attempt) => alive.has(attempt.generation));
  for (const attempt of killed) {
    const row = sandbox.slots.find((slot) => slot.state === "occupied" && slot.generation === attempt.generation);
    if (row) row.state = "offline";
  }
  const target = sandbox.targetGeneration;
  if (target === null || !host.isReachable) return;
  for (const slot of sandbox.slots) {
    const isServed = alive.has(slot.generation ?? 0) && (slot.generation === target || sandbox.targetSlots !== null);
    if (isServed && (slot.state === "renewing" || slot.state === "offline")) slot.state = "accepting";
  }
  const serves = host.generations.some((one) => one.generation === target && one.state === "serving");
  const next = sandbox.slots.find((slot) => slot.generation !== target && slot.state !== "occupied");
  const taken = sandbox.slots.filter((slot) => slot.generation === target).length;
  if (serves && next && taken < (sandbox.targetSlots ?? Infinity))
    Object.assign(next, { generation: target, state: "accepting" });
}

function freshSandbox(name: string, environment: string, slots: number): MemorySandbox {
  return {
    sandboxId: name,
    name,
    environment,
    state: "active",
    epoch: 0,
    targetGeneration: null,
    targetSlots: null,
    sessionLive: true,
    unreachableSince: null,
    slots: Array.from({ length: slots }, (_, index) => ({ index, generation: null, state: "offline" as const })),
    openAttempts: [],
    cordons: [],
  };
}

export function freshDeploy(
  id: string,
  tag: string,
  environment: string,
  knobs: RolloutKnobs,
  more: Partial<DeployDocument> = {},
): DeployDocument {
  return {
    id,
    environment: environment as DeployDocument["environment"],
    service: "ghosthands",
    imageTag: tag,
    imageDigest: null,
    previousTag: null,
    previousDigest: null,
    state: "queued",
    stateReason: "",
    revision: 1,
    knobs,
    waitingOn: [],
    request: null,
    engine: { kind: "waiting" },
    course: freshCourse(),
    analysis: null,
    createdBy: "admin",
    ignoreFreeze: false,
    sandboxIds: null,
    startedAt: null,
    endedAt: null,
    hosts: [],
    ...more,
  };
}

/** A fleet on which v1 has completed: warm, accepting, and something to go back to. */
export async function makeRunningWorld(
  names: readonly string[],
  options: { slots?: number; environment?: string } = {},
): Promise<World> {
  const world = makeWorld(names, options);
  world.addDeploy("first", "v1", { maxParallel: names.length, minHealthyMs: 0 });
  await world.until(() => world.deploy("first").state === "completed");
  return world;
}
