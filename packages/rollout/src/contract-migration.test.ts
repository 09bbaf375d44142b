import { describe, expect, it } from "vitest";
import { planDeploy } from "./plan/plan-deploy.ts";
import { planInput } from "./plan/testing.ts";
import { digestOf, makeRunningWorld, type World } from "./testing/world.ts";

const drop = { name: "0042_drop_column", blockedBy: [], neededBy: [digestOf("v1")] };
const said = (world: World) => world.store.decisions.map((one) => one.decision.summary).join("\n");

/** v2, which no longer needs what v1 does, has completed; v1 drains, since a task of it goes on. */
async function drainingWorld(): Promise<World> {
  const world = await makeRunningWorld(["a", "b"], { environment: "production" });
  world.startTask("a", 0, "t-1");
  world.addDeploy("second", "v2", { rollbackWindowMs: 20_000 });
  await world.until(() => world.deploy("second").state === "baking");
  for (let n = 0; n < 5; n += 1) await world.tick();
  world.store.rules.contractMigrations = [drop];
  return world;
}

describe("first 9: a contract migration", () => {
  it("first 9: waits for a draining old worker, named with host, job and end", async () => {
    const world = await drainingWorld();
    world.addDeploy("third", "v3");
    const facts = await world.store.facts(world.deploy("third"));
    const input = await planInput(world, { deployId: "", tag: "v3", knobs: {} });
    const sandboxes = facts.sandboxes.map((one) => ({
      ...{ kind: "seen" as const, health: world.host(one.name).health(), refusal: null, facts: one },
    }));
    const observations = { environment: facts.environment, sandboxes };
    const openTasks = [
      { taskId: "t-1", sandboxId: "a", startedAt: input.now - 1000, timeoutMs: 60_000, requeueable: false },
    ];
    const texts = planDeploy({ ...input, observations, openTasks }).blockers.map((one) => one.text);
    const named = texts.find((text) => text.includes("is draining on a"));
    expect(named).toMatch(
      /^migration 0042_drop_column: generation 1 of v1 is draining on a \(task t-1, which ends by about \d{4}-/,
    );
    world.endTask("t-1");
    await world.until(() => world.deploy("second").state === "completed");
    await world.tick();
    expect(world.deploy("third").waitingOn.join()).toContain("of v1 is warm on a");
    for (const name of ["a", "b"]) {
      for (const one of world.host(name).generations) if (one.imageTag === "v1") one.state = "ended";
    }
    await world.until(() => world.deploy("third").state === "completed");
  });

  it("waits for its own way back: a release that needs what it takes away", async () => {
    const world = await makeRunningWorld(["a"]);
    world.store.rules.contractMigrations = [drop];
    world.addDeploy("second", "v2");
    await world.tick();
    expect(world.deploy("second").state).toBe("queued");
    expect(world.deploy("second").waitingOn[0]).toContain("v1 needs what it takes away, and is what this deploy would");
  });

  it("takes a host that nobody can reach for one that may run the old release", async () => {
    const world = await drainingWorld();
    world.endTask("t-1");
    await world.until(() => world.deploy("second").state === "completed");
    for (let n = 0; n < 40; n += 1) await world.tick();
    world.cutOff("b");
    world.addDeploy("third", "v3");
    await world.tick();
    expect(world.deploy("third").waitingOn).toContainEqual(
      expect.stringContaining("migration 0042_drop_column: b may run what needs it: unreachable since"),
    );
  });

  it("that has run keeps what needs it from ever coming back: no deploy, no retry and no rollback to it", async () => {
    const world = await makeRunningWorld(["a"]);
    world.host("a").trouble.set(digestOf("v2"), { phase: "verifying", message: "no browser" });
    world.addDeploy("second", "v2", { failureAction: "continue" });
    await world.until(() => world.deploy("second").state === "failed");
    world.store.rules.contractMigrations = [{ ...drop, neededBy: [digestOf("v1"), digestOf("v2")], hasRun: true }];
    world.store.request("second", { kind: "retry", actor: "olga" });
    await world.tick();
    expect(said(world)).toContain(
      "retry refused: it would wait for migration 0042_drop_column has taken away what v2 needs",
    );
    world.store.request("second", { kind: "rollback", actor: "olga" });
    await world.tick();
    expect(said(world)).toContain("no rollback: migration 0042_drop_column has taken away what v1 needs");
    expect(world.deploy("second").state).toBe("failed");
    world.addDeploy("third", "v1", {}, { imageDigest: digestOf("v1") });
    await world.tick();
    expect(world.deploy("third").waitingOn).toEqual(["migration 0042_drop_column has taken away what v1 needs"]);
  });
});

describe("a failed deploy that is taken up again", () => {
  it("goes back to the release that completed last, not to the one before it", async () => {
    const world = await makeRunningWorld(["a"]);
    world.host("a").trouble.set(digestOf("v2"), { phase: "verifying", message: "no browser" });
    world.addDeploy("second", "v2", { failureAction: "continue" });
    await world.until(() => world.deploy("second").state === "failed");
    world.addDeploy("third", "v3");
    await world.until(() => world.deploy("third").state === "completed");
    world.store.request("second", { kind: "retry", actor: "olga" });
    await world.until(() => world.deploy("second").hosts[0]?.step === "starting");
    expect(world.deploy("second").previousDigest).toBe(digestOf("v3"));
    await world.until(() => world.deploy("second").state === "failed");
    world.store.request("second", { kind: "rollback", actor: "olga" });
    await world.until(() => world.deploy("second").state === "rolled_back");
    expect(world.deploy("second").previousDigest).toBe(digestOf("v3"));
  });

  it("and never began is not begun by retry while a freeze is on", async () => {
    const world = await makeRunningWorld(["a"]);
    world.addDeploy("second", "v2", { strategy: "canary", canarySteps: [] });
    await world.until(() => world.deploy("second").state === "failed");
    const at = (ms: number) => new Date(world.clock.now() + ms).toISOString();
    world.store.rules.freezes = [{ name: "feast", from: at(-1000), to: at(60_000), pauses: false }];
    world.store.request("second", { kind: "retry", actor: "olga" });
    await world.tick();
    expect(said(world)).toContain("retry refused: ");
    expect(world.deploy("second").state).toBe("failed");
  });
});
