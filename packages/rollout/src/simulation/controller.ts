import { migrate } from "./database.ts";
import { sideSandboxes, sideService } from "./side-service.ts";
import type { SimHost } from "./sim-host.ts";
import type { Clock } from "@valet/shared";
import type { HostDriver } from "../driver.ts";
import { makeReconcile, type Reconcile } from "../reconcile.ts";
import type { DeployDocument } from "../model.ts";
import type { DeployStore } from "../store.ts";
import type { HealthWatch } from "./health-watch.ts";
import { makeHealthWatch } from "./health-watch.ts";
import { makeSimDriver } from "./network.ts";
import { expireAll, assignAll } from "./task-loops.ts";
import { epochMs, wallMs, type World } from "./world.ts";

export type CrashPoint = "crash-before-save" | "crash-after-save" | "crash-between-effects";

/** One control worker: the real reconcile over the shared store, and the loops beside it. */
export interface SimController {
  readonly name: string;
  isUp: boolean;
  /** Started for a while beside the first one. */
  wallOffsetMs: number;
  slowStoreUntilMs: number;
  /** It dies the next time it comes to this point, and is back after so long. */
  armed: { point: CrashPoint; downMs: number } | null;
  life: number;
  start(): void;
  kill(downMs: number | null): void;
}

/** Passes over one deploy in one round, while each still changes something. */
const mostPasses = 6;

export function makeController(world: World, name: string): SimController {
  const controller: SimController = {
    name,
    isUp: false,
    wallOffsetMs: 0,
    slowStoreUntilMs: 0,
    armed: null,
    life: 0,
    start() {
      if (controller.isUp) return;
      controller.isUp = true;
      controller.life += 1;
      world.tell(name, "starts");
      live(world, controller, controller.life);
    },
    kill(downMs) {
      if (!controller.isUp) return;
      controller.isUp = false;
      controller.armed = null;
      world.tell(name, downMs === null ? "is stopped" : `dies, back in ${downMs} ms`);
      if (downMs !== null) world.after(downMs, () => controller.start());
    },
  };
  return controller;
}

/** One life of the process: all it remembers is in here and dies with it. */
function live(world: World, controller: SimController, life: number): void {
  const isAlive = () => controller.isUp && controller.life === life;
  const clock: Clock = {
    now: () => epochMs + world.nowMs + controller.wallOffsetMs,
    monotonicMs: () => world.nowMs,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        signal?.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
        world.after(ms, () => {
          world.hasPromises = true;
          if (isAlive()) resolve();
        });
      }),
  };
  const store = mortalStore(world, controller, isAlive);
  const reconcileOn = (hosts: ReadonlyMap<string, SimHost>) =>
    makeReconcile({ store, driver: mortalDriver(world, controller, isAlive, { hosts, clock }), clock });
  const [main, side] = [reconcileOn(world.hosts), reconcileOn(world.sides)];
  const reconcile: Reconcile = (id, signal) =>
    (world.store.deploys.get(id)?.service === sideService ? side : main)(id, signal);
  const health = makeHealthWatch(world, clock);
  let isBusy = false;
  const tick = (): void => {
    if (!isAlive()) return;
    world.after(world.script.controllerTickMs, tick);
    besides(world, controller, health);
    if (isBusy) return;
    isBusy = true;
    world.hasPromises = true;
    round(world, controller, store, reconcile)
      .catch((error: unknown) =>
        world.laws.broken(world, "neverThrows", error instanceof Error ? error.message : String(error)),
      )
      .finally(() => (isBusy = false));
  };
  world.after(world.random.int(0, world.script.controllerTickMs), tick);
}

/** The loops that need no waiting: each is one transaction. */
function besides(world: World, controller: SimController, health: HealthWatch): void {
  world.tasks.beat({ kind: "control", id: controller.name });
  expireAll(world);
  health.round();
  assignAll(world);
}

const never = (): Promise<never> => new Promise(() => undefined);

async function round(world: World, controller: SimController, store: DeployStore, reconcile: Reconcile): Promise<void> {
  const open = await store.listOpen();
  await Promise.all(open.map((id) => takeForward(world, controller, id, reconcile)));
}

async function takeForward(
  world: World,
  controller: SimController,
  deployId: string,
  reconcile: Reconcile,
): Promise<void> {
  const { signal } = new AbortController();
  for (let pass = 0; pass < mostPasses; pass += 1) {
    const outcome = await reconcile(deployId, signal);
    if (outcome.kind === "lost_race") world.tell(controller.name, `loses the race for ${deployId}`);
    if (outcome.kind === "settled") world.laws.settled(world, outcome.deploy);
    if (outcome.kind !== "saved") return;
  }
}

/** A store whose caller may die at either side of a save, or wait long for it. */
function mortalStore(world: World, controller: SimController, isAlive: () => boolean): DeployStore {
  const { store } = world;
  const reach = async <T>(ask: () => Promise<T>): Promise<T> => {
    if (world.nowMs < controller.slowStoreUntilMs) await delay(world, 100 + world.random.int(0, 1_500));
    if (!isAlive()) return never();
    const answer = await ask();
    return isAlive() ? answer : never();
  };
  return {
    load: (id) => reach(() => store.load(id)),
    listOpen: () => reach(() => store.listOpen()),
    facts: (deploy) => reach(() => store.facts(deploy)),
    async save(next, expected, change) {
      if (world.nowMs < controller.slowStoreUntilMs) await delay(world, world.random.int(100, 1_500));
      if (strike(controller, "crash-before-save") || !isAlive()) return never();
      const before = store.deploys.get(next.id);
      const outcome = await store.save(next, expected, change);
      if (outcome === "saved" && before) {
        for (const { summary } of change.decisions) world.tell(controller.name, `${next.id}: ${summary}`);
        if (hasMoved(before, next)) world.movedAtMs = world.nowMs;
        if (before.startedAt === null && next.startedAt !== null) migrate(world, next);
        const { writes, decisions, seen } = change;
        const isSide = next.service === sideService;
        const hosts = isSide ? world.sides : world.hosts;
        const sandboxes = isSide ? sideSandboxes(world) : world.tasks.sandboxes;
        const now = seen?.now ?? wallMs(world);
        world.laws.saved(world, { before, next, writes, decisions, hosts, sandboxes, now });
        if (strike(controller, "crash-after-save")) return never();
      }
      return isAlive() ? outcome : never();
    },
  };
}

function delay(world: World, ms: number): Promise<void> {
  return new Promise((resolve) =>
    world.after(ms, () => {
      world.hasPromises = true;
      resolve();
    }),
  );
}

function strike(controller: SimController, point: CrashPoint): boolean {
  if (controller.armed?.point !== point) return false;
  controller.kill(controller.armed.downMs);
  return true;
}

function mortalDriver(
  world: World,
  controller: SimController,
  isAlive: () => boolean,
  to: { hosts: ReadonlyMap<string, SimHost>; clock: Clock },
): HostDriver {
  const driver = makeSimDriver(world, isAlive, to);
  /** Dies with the command sent: the rest of the pass never happens. */
  const sent =
    <A extends unknown[], R>(send: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      if (!isAlive()) return never();
      const answer = send(...args);
      if (strike(controller, "crash-between-effects")) return never();
      return answer;
    };
  return {
    observe: (id, signal) => (isAlive() ? driver.observe(id, signal) : never()),
    deploy: sent(driver.deploy),
    settle: sent(driver.settle),
    rollback: sent(driver.rollback),
    drain: sent(driver.drain),
    undrain: sent(driver.undrain),
    fence: sent(driver.fence),
    endGeneration: sent(driver.endGeneration),
  };
}

function hasMoved(before: DeployDocument, next: DeployDocument): boolean {
  if (before.state !== next.state || before.hosts.length !== next.hosts.length) return true;
  return next.hosts.some((host, index) => host.step !== before.hosts[index]?.step);
}
