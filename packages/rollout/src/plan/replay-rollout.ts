import type { HostOrder } from "@valet/shared";
import { digestOf, makeRunningWorld, type World } from "../testing/world.ts";
import { planDeploy } from "./plan-deploy.ts";
import { seededRandom } from "./seeded-random.ts";
import { planInput } from "./testing.ts";

/** Boot and fetch differ from host to host and time to time, now and then by a lot. */
function randomRelease(tag: string, random: () => number) {
  return {
    digest: digestOf(tag),
    get fetchMs() {
      return 500 + random() * 3000;
    },
    get bootMs() {
      return 1000 + random() ** 3 * 14_000;
    },
  };
}

/** Clients whose tasks come and go as long as the world turns. */
function makeTraffic(world: World, random: () => number) {
  const starts = new Map<string, number>();
  const endsAt = new Map<string, number>();
  const taskMs: number[] = [];
  const oldEnds: number[] = [];
  let count = 0;
  return {
    starts,
    taskMs,
    oldEnds,
    turn() {
      const now = world.clock.now();
      const running = new Map(
        [...world.store.sandboxes.values()].flatMap((box) =>
          box.openAttempts.map((one) => [one.taskId, one.generation]),
        ),
      );
      for (const [taskId, at] of endsAt) {
        if (at > now) continue;
        endsAt.delete(taskId);
        taskMs.push(now - (starts.get(taskId) ?? now));
        if (running.get(taskId) === 3) oldEnds.push(now);
        world.endTask(taskId);
      }
      for (const box of world.store.sandboxes.values()) {
        if (box.cordons.length > 0) continue;
        for (const slot of box.slots) {
          if (slot.state !== "accepting" || slot.generation === null || random() > 0.25) continue;
          count += 1;
          world.startTask(box.name, slot.index, `task-${count}`);
          starts.set(`task-${count}`, now);
          endsAt.set(`task-${count}`, now + 2000 + random() ** 2 * 30_000);
        }
      }
    },
  };
}

export interface ReplayedRollout {
  order: HostOrder;
  maxParallel: number;
  newWork: { p50: number; p90: number; actual: number };
  lastOld: { p50: number; p90: number; actual: number };
}

/** One rollout in a world of its own: two deploys before it to learn from, the plan, then what really happened. */
export async function replayRollout(seed: number): Promise<ReplayedRollout> {
  const random = seededRandom(seed);
  const names = Array.from({ length: 3 + Math.floor(random() * 5) }, (_, index) => `box-${index + 1}`);
  const world = await makeRunningWorld(names);
  for (const tag of ["v2", "v3", "v4"]) world.registry.set(tag, randomRelease(tag, random));
  const order = random() < 0.7 ? ("start-first" as const) : ("stop-first" as const);
  const maxParallel = 1 + Math.floor(random() * 3);
  const knobs = { order, maxParallel, maxUnavailable: order === "stop-first" ? maxParallel : 0, minHealthyMs: 1000 };
  const traffic = makeTraffic(world, random);
  const run = async (id: string, state: string) => {
    for (let turn = 0; world.deploy(id).state !== state; turn += 1) {
      if (turn > 1500)
        throw new Error(`${id}: ${world.deploy(id).stateReason}; ${world.deploy(id).waitingOn.join("; ")}`);
      traffic.turn();
      await world.tick();
      await untilSettled(world, id);
    }
  };
  for (const tag of ["v2", "v3"]) {
    world.addDeploy(`before-${tag}`, tag, { ...knobs, drainDeadlineAction: "wait" });
    await run(`before-${tag}`, "completed");
  }
  traffic.oldEnds.length = 0;
  const input = await planInput(world, {
    ...{ deployId: "", tag: "v4", knobs },
    ...{ starts: traffic.starts, taskMs: traffic.taskMs },
  });
  const { eta } = planDeploy(input);
  world.addDeploy("after", "v4", { ...knobs, drainDeadlineAction: "wait" });
  await run("after", "completed");
  const { startedAt, hosts } = world.deploy("after");
  const from = startedAt ?? 0;
  return {
    ...{ order, maxParallel },
    newWork: {
      p50: eta.newWorkOnNewVersion.p50Ms,
      p90: eta.newWorkOnNewVersion.p90Ms,
      actual: Math.max(...hosts.map((host) => host.endedAt ?? Infinity)) - from,
    },
    lastOld: {
      p50: eta.lastOldTaskEnded.p50Ms,
      p90: eta.lastOldTaskEnded.p90Ms,
      actual: Math.max(0, ...traffic.oldEnds.map((at) => at - from)),
    },
  };
}

/** As the control worker does: passes over the deploy until nothing changes without the world moving first. */
async function untilSettled(world: World, id: string): Promise<void> {
  for (let pass = 0; pass < 20; pass += 1) {
    if ((await world.reconcile(id, new AbortController().signal)).kind !== "saved") return;
  }
}
