import fc from "fast-check";
import type { RolloutKnobs } from "@valet/shared";
import { describe, expect, it } from "vitest";
import { digestOf, makeRunningWorld, type World } from "../testing/world.ts";
import { planDeploy } from "./plan-deploy.ts";
import { planMoved } from "./revision.ts";
import { planInput } from "./testing.ts";

const plan = async (world: World, knobs: Partial<RolloutKnobs> = {}) =>
  planDeploy(await planInput(world, { deployId: "", tag: "v2", knobs: { minHealthyMs: 1000, ...knobs } }));

/** Names in the order in which the engine begins them; those that begin in one pass in the order of the fleet. */
function begun(world: World, id: string): string[] {
  return world
    .deploy(id)
    .hosts.filter((host) => host.startedAt !== null)
    .map((host, place) => ({ name: host.name, at: host.startedAt ?? 0, place }))
    .sort((a, b) => a.at - b.at || a.place - b.place)
    .map((one) => one.name);
}

const fleetArb = fc.record({
  hosts: fc.integer({ min: 1, max: 7 }),
  away: fc.subarray([0, 1, 2, 3, 4, 5, 6], { maxLength: 2 }),
  order: fc.constantFrom("start-first" as const, "stop-first" as const),
  strategy: fc.constantFrom("rolling" as const, "canary" as const, "blue-green" as const),
  maxParallel: fc.oneof(fc.integer({ min: 1, max: 4 }), fc.constant("50%" as const)),
  canaryHosts: fc.integer({ min: 1, max: 3 }),
  pinned: fc.boolean(),
});

describe("a plan", () => {
  it("takes hosts in the order in which the engine then takes them, and leaves out those that it leaves out", async () => {
    await fc.assert(
      fc.asyncProperty(fleetArb, async ({ hosts, away, canaryHosts, pinned, ...knobs }) => {
        const names = Array.from({ length: hosts }, (_, index) => `box-${index + 1}`);
        const world = await makeRunningWorld(names);
        for (const index of away) {
          const name = names[index];
          if (name !== undefined) world.cutOff(name, true);
        }
        await world.tick(20_000);
        const how: Partial<RolloutKnobs> = {
          ...{ ...knobs, minHealthyMs: 1000, analyse: false, maxUnavailable: 7 },
          canarySteps: [{ hosts: canaryHosts, taskSharePct: 100, bakeMs: 5_000 }],
        };
        const planned = await plan(world, how);
        const more = pinned ? { imageDigest: digestOf("v2") } : {};
        world.addDeploy("second", "v2", how, more);
        await world.until(() => world.deploy("second").endedAt !== null, 600);
        if (planned.blockers.some((one) => one.kind === "impossible")) {
          expect(world.deploy("second").state).toBe("failed");
          expect(begun(world, "second")).toEqual([]);
          return;
        }
        const inWaves = planned.hosts.filter((host) => host.wave !== null);
        const order = [...inWaves].sort((a, b) => (a.wave ?? 0) - (b.wave ?? 0)).map((host) => host.sandboxName);
        expect(order).toEqual(begun(world, "second"));
        const skipped = planned.hosts.filter((host) => host.action === "skip").map((host) => host.sandboxName);
        expect(skipped).toEqual(
          world
            .deploy("second")
            .hosts.filter((host) => host.step === "skipped")
            .map((host) => host.name),
        );
      }),
      { numRuns: 60, seed: 20_261_123 },
    );
  }, 120_000);

  it("is the same for the same input, and changes nothing it was made from", async () => {
    const world = await makeRunningWorld(["a", "b"]);
    const input = await planInput(world, { deployId: "", tag: "v2", knobs: {} });
    const before = structuredClone({ ...input, observedAt: [...input.observedAt] });
    expect(planDeploy(input)).toEqual(planDeploy(input));
    expect({ ...input, observedAt: [...input.observedAt] }).toEqual(before);
  });

  it("says what moved when it is asked to insist on an older plan", async () => {
    const world = await makeRunningWorld(["a", "b"]);
    const first = await plan(world);
    expect(planMoved(first.revision, (await plan(world)).revision)).toBeNull();
    world.startTask("a", 0, "t1");
    expect(planMoved(first.revision, (await plan(world)).revision)).toBeNull();
    expect(planMoved(first.revision, (await plan(world, { maxParallel: 2 })).revision)).toBe("the knobs");
    world.cutOff("b", true);
    await world.tick(20_000);
    expect(planMoved(first.revision, (await plan(world)).revision)).toBe("how each host is changed");
  });

  it("names freeze, approval, another deploy, migrations and an unknown release, and what none of them stops", async () => {
    const world = await makeRunningWorld(["a", "b"], { environment: "staging" });
    const input = await planInput(world, { deployId: "", tag: "v9", knobs: {} });
    const { environment } = input.observations;
    const blocked = planDeploy({
      ...input,
      release: { isKnown: false, pruned: null },
      observations: {
        ...input.observations,
        environment: {
          ...environment,
          activeDeployId: "d-1",
          requiredApprovals: 1,
          freezes: [
            {
              name: "feast",
              from: new Date(input.now - 1000).toISOString(),
              to: new Date(input.now + 9e6).toISOString(),
            },
          ] as typeof environment.freezes,
          contractMigrations: [{ name: "0009_drop", blockedBy: ["task t-1 on a still runs v1, ends in about 5 min"] }],
        },
      },
    });
    expect(blocked.blockers.map((one) => [one.kind, one.blocks])).toEqual([
      ["freeze", true],
      ["approval", true],
      ["active_deploy", true],
      ["migration", true],
      ["release", false],
    ]);
    expect(blocked.blockers[0]?.until).toBe(new Date(input.now + 9e6).toISOString());
    expect(blocked.blockers[3]?.text).toContain("task t-1 on a");
  });

  it("lists tasks that may outlast the drain deadline, with what would be done to them", async () => {
    const world = await makeRunningWorld(["a", "b"]);
    world.startTask("a", 0, "long");
    world.startTask("b", 0, "young", true);
    const now = world.clock.now();
    const starts = new Map([
      ["long", now - 100_000],
      ["young", now - 1000],
    ]);
    const taskMs = [...Array.from({ length: 99 }, () => 5_000), 10_000_000];
    const how = { ...{ deployId: "", tag: "v2", starts, taskMs }, knobs: { drainTimeoutMs: 60_000 } };
    const risky = planDeploy(await planInput(world, how));
    expect(risky.tasksAtRisk).toMatchObject([
      { taskId: "long", chancePastDeadline: 1, then: "the deploy waits for it" },
    ]);
    expect(risky.tasksAtRisk[0]?.drainDeadlineInMs).toBeGreaterThanOrEqual(60_000);
    const forced = await planInput(world, { ...how, knobs: { drainTimeoutMs: 60_000, drainDeadlineAction: "force" } });
    expect(planDeploy(forced).tasksAtRisk[0]?.then).toBe("it is interrupted and put to review");
  });

  it("says that it assumes where nothing was measured, and that unknown is not zero", async () => {
    const world = await makeRunningWorld(["a"]);
    const { eta } = await plan(world);
    expect(eta.basis).toContain("assumed");
    expect(eta.newWorkOnNewVersion.p90Ms).toBeGreaterThan(5_000);
  });
});
