import { describe, expect, it } from "vitest";
import type { AnalysisArm } from "./analysis/model.ts";
import { digestOf, makeRunningWorld, type World } from "./testing/world.ts";

const names = Array.from({ length: 50 }, (_, n) => `s${String(n).padStart(2, "0")}`);

/** The generation that the next task of each host would run on. */
const newWork = (world: World) => names.map((name) => world.sandbox(name).targetGeneration);
const freeSlots = (world: World, name: string) =>
  world.sandbox(name).slots.filter((slot) => slot.state !== "occupied" && slot.generation !== 1);
const kinds = (world: World) => [...world.hosts.values()].flatMap((host) => host.admitted.map((one) => one.kind));

describe("first 4: drain-aware rollback", () => {
  it("50 hosts, rolled back in the middle of a wave: new work is on the warm last good generation within one heartbeat, kills 0", async () => {
    const world = await makeRunningWorld(names);
    for (const name of names) world.startTask(name, 0, `old-${name}`);
    world.addDeploy("second", "v2", { maxParallel: 10 });
    const updated = () => world.deploy("second").hosts.filter((host) => host.step === "updated").length;
    await world.until(() => updated() >= 20 && world.deploy("second").hosts.some((host) => host.step === "verifying"));
    const onNew = names.filter((name) => world.sandbox(name).targetGeneration === 2);
    for (const name of onNew) world.startTask(name, 1, `new-${name}`);
    const living = new Map(names.map((name) => [name, world.host(name).generations[0]?.state]));
    for (const name of onNew) expect(["warm", "draining", "serving"]).toContain(living.get(name));

    world.store.request("second", { kind: "rollback", actor: "olga" });
    const askedAt = world.clock.now();
    await world.until(() => newWork(world).every((generation) => generation === 1));
    expect(world.clock.now() - askedAt).toBeLessThanOrEqual(10_000);
    for (const name of names) expect(freeSlots(world, name)).toEqual([]);

    expect(kinds(world)).not.toContain("end_generation");
    for (const name of names) {
      const running = world.sandbox(name).openAttempts.map((attempt) => attempt.taskId);
      expect(running).toContain(`old-${name}`);
      if (onNew.includes(name)) expect(running).toContain(`new-${name}`);
      world.host(name).health();
    }
    for (const name of onNew) world.endTask(`new-${name}`);
    await world.until(() => world.deploy("second").state === "rolled_back");
    for (const name of names) expect(world.host(name).health().imageDigest).toBe(digestOf("v1"));
  });
});

describe("first 5: analysis that is right, as the engine acts on it", () => {
  const judged = { strategy: "canary" as const, canarySteps: [{ hosts: 1, taskSharePct: 100, bakeMs: 1000 }] };

  /** Twenty ended tasks an arm, of which so many ended badly. */
  async function verdictOf(bad: { canary: number; control: number }): Promise<World> {
    const world = await makeRunningWorld(["a", "b", "c"]);
    const arm = (count: number): AnalysisArm => {
      const since = world.deploy("second").course.analysis?.since ?? 0;
      const attempts = Array.from({ length: 20 }, (_, n) => {
        const outcome = n % 20 < count ? ("bad" as const) : ("good" as const);
        return { outcome, startedAt: since + n, durationMs: 30_000 };
      });
      return { attempts, points: {} };
    };
    world.store.rules.samplesOf = () => ({ canary: arm(bad.canary), control: arm(bad.control) });
    world.addDeploy("second", "v2", judged);
    const ends = ["completed", "rolled_back", "paused", "failed"];
    await world.until(() => ends.includes(world.deploy("second").state), 1500);
    return world;
  }

  it("5 % → 50 % failures are rolled back while the release is on its canary alone", async () => {
    const world = await verdictOf({ canary: 10, control: 1 });
    expect(world.deploy("second").state).toBe("rolled_back");
    for (const name of ["b", "c"]) expect(world.host(name).generations).toHaveLength(1);
  });

  it("a release no worse than the one before completes, its numbers kept with the decision", async () => {
    const world = await verdictOf({ canary: 1, control: 1 });
    expect(world.deploy("second").state).toBe("completed");
    const looks = world.store.decisions.filter((one) => one.decision.data.analysis !== undefined);
    expect(looks.length).toBeGreaterThan(0);
    expect(JSON.stringify(looks.at(-1)?.decision.data)).toContain("pValue");
  });

  it("no data never passes", async () => {
    const world = await makeRunningWorld(["a", "b"]);
    world.store.rules.samplesOf = () => ({ error: "nothing can be read" });
    world.addDeploy("second", "v2", judged);
    for (let n = 0; n < 300; n += 1) await world.tick(60_000);
    expect(world.deploy("second").state).toBe("paused");
    expect(world.host("b").generations).toHaveLength(1);
  });
});
