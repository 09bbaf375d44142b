import { describe, expect, it } from "vitest";
import type { AnalysisArm, AnalysisArms } from "./analysis/model.ts";
import { lastAnalysisOf } from "./model.ts";
import { progressOf } from "./progress-of.ts";
import { digestOf, makeRunningWorld, type World } from "./testing/world.ts";

const four = ["a", "b", "c", "d"];
const bakes = { strategy: "canary" as const, analyse: false };
const oneThenTwo = [
  { hosts: 1, taskSharePct: 100, bakeMs: 30_000 },
  { hosts: "50%" as const, taskSharePct: 100, bakeMs: 30_000 },
];

const ask = (world: World, kind: "promote" | "pause" | "resume" | "abort" | "rollback") =>
  world.store.request("second", { kind, actor: "olga" });
const steps = (world: World) => world.deploy("second").hosts.map((host) => host.step);
const ticks = async (world: World, count: number) => {
  for (let n = 0; n < count; n += 1) await world.tick();
};
const said = (world: World) => world.store.decisions.map((one) => one.decision.summary).join("\n");

/** Tasks of one arm that ended, the first `bad` of them badly. */
function armOf(world: World, count: number, bad: number): AnalysisArm {
  const startedAt = world.deploy("second").course.analysis?.since ?? 0;
  const attempts = Array.from({ length: count }, (_, n) => {
    const outcome = n < bad ? ("bad" as const) : ("good" as const);
    return { outcome, startedAt: startedAt + n, durationMs: 60_000 };
  });
  return { attempts, points: {} };
}
const armsOf = (world: World, bad: number): AnalysisArms => ({
  canary: armOf(world, 20, bad),
  control: armOf(world, 20, 0),
});

describe("a canary by hosts", () => {
  it("bakes each step before it reaches further, and goes on as rolling after the last", async () => {
    const world = await makeRunningWorld(four);
    world.addDeploy("second", "v2", { ...bakes, canarySteps: oneThenTwo, maxParallel: 4 });
    await world.until(() => world.deploy("second").course.bakingSince !== null);
    await ticks(world, 28);
    expect(steps(world)).toEqual(["updated", "pending", "pending", "pending"]);
    const progress = progressOf(world.deploy("second"), world.clock.now());
    expect(progress).toMatchObject({ phase: "canary", step: 1, stepsTotal: 2, awaitsPromotion: false });
    expect(progress.text).toContain("canary step 1 of 2: 1 host, 100 % of its tasks, baking until 20");
    await world.until(() => world.deploy("second").course.step === 1, 5);
    await world.until(() => world.deploy("second").course.bakingSince !== null);
    expect(steps(world)).toEqual(["updated", "updated", "pending", "pending"]);
    await world.until(() => world.deploy("second").state === "completed");
    expect(steps(world)).toEqual(["updated", "updated", "updated", "updated"]);
  });

  it("a canary of the whole fleet bakes too before the deploy is over", async () => {
    const world = await makeRunningWorld(["a", "b"]);
    const canarySteps = [{ hosts: "100%" as const, taskSharePct: 100, bakeMs: 60_000 }];
    world.addDeploy("second", "v2", { ...bakes, canarySteps });
    await world.until(() => steps(world).join() === "updated,updated");
    await ticks(world, 55);
    expect(world.deploy("second").state).toBe("in_progress");
    await world.until(() => world.deploy("second").state === "completed", 30);
  });

  it("a bad release touches no more hosts than its canary", async () => {
    const world = await makeRunningWorld(four);
    world.registry.set("v2", { digest: digestOf("v2"), failure: { phase: "verifying", message: "no browser" } });
    world.addDeploy("second", "v2", { ...bakes, failureAction: "continue", maxParallel: 4 });
    await world.until(() => world.deploy("second").state === "failed");
    expect(world.deploy("second").stateReason).toContain("canary step 1 of 1: every host of it failed; a: no browser");
    expect(steps(world)).toEqual(["failed", "skipped", "skipped", "skipped"]);
    for (const name of ["b", "c", "d"]) expect(world.host(name).generations).toHaveLength(1);
  });

  it("takes the next host for one that nobody can reach", async () => {
    const world = await makeRunningWorld(four);
    world.cutOff("a", true);
    world.sandbox("a").unreachableSince = 0;
    world.addDeploy("second", "v2", { ...bakes, canarySteps: [{ hosts: 1, taskSharePct: 100, bakeMs: 60_000 }] });
    await world.until(() => world.deploy("second").course.bakingSince !== null);
    expect(steps(world)).toEqual(["skipped", "updated", "pending", "pending"]);
  });
});

describe("a canary by share of tasks", () => {
  const quarter = [
    { hosts: 1, taskSharePct: 25, bakeMs: 20_000 },
    { hosts: 1, taskSharePct: 100, bakeMs: 20_000 },
  ];

  it("gives the new release so many slots and no more, its progress clock stands, and the next step gives it the rest", async () => {
    const world = await makeRunningWorld(["a", "b"], { slots: 4 });
    world.addDeploy("second", "v2", { ...bakes, canarySteps: quarter, progressDeadlineMs: 10_000 });
    await world.until(() => world.deploy("second").hosts[0]?.engine.holds === true);
    const onNew = () => world.sandbox("a").slots.filter((slot) => slot.generation === 2).length;
    await ticks(world, 15);
    expect(onNew()).toBe(1);
    expect(world.sandbox("a").targetSlots).toBe(1);
    expect(world.deploy("second").hosts[0]).toMatchObject({
      step: "handing_over",
      reason: "holds at 1 of 4 slots: canary step 1 of 2",
    });
    world.startTask("a", 1, "on-old");
    world.endTask("on-old");
    await ticks(world, 2);
    expect(onNew()).toBe(1);
    expect(world.sandbox("a").slots[1]).toMatchObject({ generation: 1, state: "accepting" });
    await world.until(() => steps(world)[0] === "updated");
    expect([onNew(), world.sandbox("a").targetSlots]).toEqual([4, null]);
    await world.until(() => world.deploy("second").state === "completed");
  });

  it("aborted, the host gives its share back and runs the old release whole", async () => {
    const world = await makeRunningWorld(["a", "b"], { slots: 4 });
    world.addDeploy("second", "v2", { ...bakes, canarySteps: quarter });
    await world.until(() => world.deploy("second").hosts[0]?.engine.holds === true);
    ask(world, "abort");
    await world.until(() => world.deploy("second").state === "aborted", 60);
    expect(steps(world)).toEqual(["rolled_back", "skipped"]);
    expect(world.sandbox("a").slots.map((slot) => slot.generation)).toEqual([1, 1, 1, 1]);
    expect(world.sandbox("a")).toMatchObject({ targetGeneration: 1, targetSlots: null, state: "active" });
  });

  it("superseded, the host gives its share back before the newer deploy begins", async () => {
    const world = await makeRunningWorld(["a", "b"], { slots: 4 });
    world.addDeploy("second", "v2", { ...bakes, canarySteps: quarter });
    await world.until(() => world.deploy("second").hosts[0]?.engine.holds === true);
    world.addDeploy("third", "v3");
    await world.until(() => world.deploy("third").state === "completed");
    expect(world.deploy("second").state).toBe("superseded");
    expect(steps(world)).toEqual(["rolled_back", "skipped"]);
    expect(world.sandbox("a").targetSlots).toBeNull();
  });
});

describe("the analysis of a canary", () => {
  const judged = { strategy: "canary" as const, canarySteps: [{ hosts: 2, taskSharePct: 100, bakeMs: 5000 }] };

  it("successful after its window: goes on, and the numbers are kept", async () => {
    const world = await makeRunningWorld(four);
    world.store.rules.samplesOf = () => armsOf(world, 0);
    world.addDeploy("second", "v2", judged);
    await world.until(() => world.deploy("second").state === "completed", 900);
    expect(lastAnalysisOf(world.deploy("second"))).toMatchObject({ verdict: "successful", final: true });
    const look = world.store.decisions.find((one) => one.decision.data.analysis !== undefined);
    expect(look?.decision.summary).toContain("analysis, look");
  });

  it("failed: rolls back at once, and touches no further host", async () => {
    const world = await makeRunningWorld(four);
    world.store.rules.samplesOf = () => armsOf(world, 14);
    world.addDeploy("second", "v2", judged);
    await world.until(() => world.deploy("second").state === "rolled_back");
    expect(world.deploy("second").stateReason).toContain("the canary failed its analysis");
    expect(steps(world)).toEqual(["rolled_back", "rolled_back", "skipped", "skipped"]);
    for (const name of four) expect(world.host(name).health().imageDigest).toBe(digestOf("v1"));
  });

  it("failed without autoRevert: pauses, and promote goes on against the verdict", async () => {
    const world = await makeRunningWorld(four);
    world.store.rules.samplesOf = () => armsOf(world, 14);
    world.addDeploy("second", "v2", { ...judged, autoRevert: false });
    await world.until(() => world.deploy("second").state === "paused");
    expect(progressOf(world.deploy("second"), world.clock.now()).awaitsPromotion).toBe(true);
    ask(world, "promote");
    await world.until(() => world.deploy("second").state === "completed");
    expect(said(world)).toContain("paused -> in_progress: promoted by olga");
  });

  it("semantics: inconclusive pauses, and promote goes on", async () => {
    const world = await makeRunningWorld(four);
    world.store.rules.samplesOf = () => ({ canary: armOf(world, 20, 0), control: { absent: "no_host_left" } });
    world.addDeploy("second", "v2", judged);
    await world.until(() => world.deploy("second").state === "paused");
    expect(world.deploy("second").stateReason).toContain("the analysis is inconclusive");
    await world.tick();
    expect(world.deploy("second").waitingOn.join()).toContain("promote goes on");
    ask(world, "promote");
    await world.until(() => world.deploy("second").state === "completed");
  });

  it("semantics: an error is no failure and no success: it pauses with its reason, and resume looks again", async () => {
    const world = await makeRunningWorld(four);
    const analysis = { ...(await defaults()), maxWaitMs: 20_000, windowMs: 1000 };
    world.store.rules.samplesOf = () => ({ error: "the database does not answer" });
    world.addDeploy("second", "v2", judged, { analysis });
    await world.until(() => world.deploy("second").state === "paused");
    expect(world.deploy("second").stateReason).toContain("the analysis is error");
    expect(world.deploy("second").stateReason).toContain("the database does not answer");
    expect(steps(world)).toEqual(["updated", "updated", "pending", "pending"]);
    world.store.rules.samplesOf = () => armsOf(world, 0);
    ask(world, "resume");
    await world.until(() => world.deploy("second").state === "completed");
    expect(lastAnalysisOf(world.deploy("second"))?.verdict).toBe("successful");
  });

  it("no data never passes: without any task the canary ends in a pause", async () => {
    const world = await makeRunningWorld(four);
    const analysis = { ...(await defaults()), maxWaitMs: 20_000, windowMs: 1000 };
    world.store.rules.samplesOf = () => ({ canary: armOf(world, 0, 0), control: armOf(world, 0, 0) });
    world.addDeploy("second", "v2", judged, { analysis });
    await world.until(() => world.deploy("second").state === "paused");
    expect(lastAnalysisOf(world.deploy("second"))?.verdict).not.toBe("successful");
  });

  async function defaults() {
    return (await import("./analysis/model.ts")).defaultAnalysisConfig;
  }
});

describe("promote", () => {
  it("is what a canary step without autoPromote waits for, and is refused before it has baked", async () => {
    const world = await makeRunningWorld(four);
    world.addDeploy("second", "v2", { ...bakes, canarySteps: oneThenTwo, autoPromote: false });
    await world.until(() => world.deploy("second").course.bakingSince !== null);
    ask(world, "promote");
    await world.tick();
    expect(said(world)).toContain("promote asked by olga is refused: it waits for canary step 1 of 2 to bake until");
    await world.until(() => progressOf(world.deploy("second"), world.clock.now()).awaitsPromotion);
    await ticks(world, 100);
    expect(world.deploy("second").waitingOn).toEqual(["somebody to promote canary step 1 of 2"]);
    expect(steps(world)).toEqual(["updated", "pending", "pending", "pending"]);
    ask(world, "promote");
    await world.until(() => world.deploy("second").course.step === 1, 3);
  });

  it("semantics: resets the progress clock", async () => {
    const world = await makeRunningWorld(["a", "b"]);
    world.registry.set("v2", { digest: digestOf("v2"), fetchMs: 20_000 });
    const canarySteps = [{ hosts: 1, taskSharePct: 100, bakeMs: 1000 }];
    world.addDeploy("second", "v2", { ...bakes, canarySteps, autoPromote: false, progressDeadlineMs: 60_000 });
    await world.until(() => progressOf(world.deploy("second"), world.clock.now()).awaitsPromotion);
    await ticks(world, 200);
    const before = world.deploy("second").hosts[0]?.engine.progressedAt ?? 0;
    ask(world, "promote");
    await world.tick();
    expect(world.deploy("second").hosts[0]?.engine.progressedAt).toBeGreaterThan(before + 190_000);
    await world.until(() => world.deploy("second").state === "completed");
  });

  it("is refused of a rolling deploy, with what it waits for, and of a failed one", async () => {
    const world = await makeRunningWorld(["a"]);
    world.registry.set("v2", {
      digest: digestOf("v2"),
      fetchMs: 20_000,
      failure: { phase: "fetching", message: "404" },
    });
    world.addDeploy("second", "v2", { failureAction: "continue" });
    await world.until(() => world.deploy("second").waitingOn.length > 0);
    ask(world, "promote");
    await world.tick();
    expect(said(world)).toContain("promote asked by olga is refused: nothing waits for it: a: ");
    await world.until(() => world.deploy("second").state === "failed");
    ask(world, "promote");
    await world.tick();
    expect(said(world)).toContain("promote asked by olga is not possible while failed");
  });

  it("ends the final bake early", async () => {
    const world = await makeRunningWorld(["a"]);
    world.addDeploy("second", "v2", { minHealthyMs: 300_000 });
    await world.until(() => world.deploy("second").state === "baking", 400);
    await ticks(world, 20);
    ask(world, "promote");
    await world.until(() => world.deploy("second").state === "completed", 3);
  });
});

describe("paused time", () => {
  it("semantics: counts neither toward the progress deadline nor toward the bake", async () => {
    const world = await makeRunningWorld(four);
    world.addDeploy("second", "v2", { ...bakes, canarySteps: oneThenTwo, progressDeadlineMs: 40_000 });
    await world.until(() => world.deploy("second").course.bakingSince !== null);
    await ticks(world, 10);
    ask(world, "pause");
    await ticks(world, 100);
    ask(world, "resume");
    await ticks(world, 15);
    expect(world.deploy("second").course.step).toBe(0);
    await world.until(() => world.deploy("second").course.step === 1, 10);
    await world.until(() => world.deploy("second").state === "completed");
  });
});
