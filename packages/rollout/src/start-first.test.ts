import { describe, expect, it } from "vitest";
import { digestOf, makeRunningWorld, makeWorld } from "./testing/world.ts";

const three = ["a", "b", "c"];

describe("start-first, rolling", () => {
  it("completes a first deploy and leaves only that release allowed", async () => {
    const world = makeWorld(three);
    world.addDeploy("first", "v1");
    await world.until(() => world.deploy("first").state === "completed");
    expect(world.deploy("first").imageDigest).toBe(digestOf("v1"));
    expect(world.deploy("first").hosts.map((host) => host.reportedDigest)).toEqual(three.map(() => digestOf("v1")));
    expect([...world.store.allowed]).toEqual([digestOf("v1")]);
    expect(three.map((name) => world.sandbox(name).state)).toEqual(["active", "active", "active"]);
  });

  it("starts the new generation beside the old one, hands slots over, settles the old one to warm", async () => {
    const world = await makeRunningWorld(three);
    world.addDeploy("second", "v2");
    await world.until(() => world.deploy("second").hosts[0]?.step === "handing_over");
    expect(world.host("a").generations.map((one) => one.state)).toEqual(["serving", "serving"]);
    expect(world.sandbox("a").state).toBe("deploying");
    expect([...world.store.allowed].sort()).toEqual([digestOf("v1"), digestOf("v2")].sort());
    await world.until(() => world.deploy("second").state === "completed");
    for (const name of three) {
      expect(world.host(name).generations.map((one) => one.state)).toEqual(["warm", "serving"]);
      expect(world.sandbox(name).slots.every((slot) => slot.generation === 2)).toBe(true);
      expect(world.sandbox(name).cordons).toEqual([]);
    }
    expect(world.deploy("second").previousDigest).toBe(digestOf("v1"));
    expect([...world.store.allowed]).toEqual([digestOf("v2")]);
  });

  it("is updated while a task still runs on the old generation, and completes only when that task has ended", async () => {
    const world = await makeRunningWorld(["a"]);
    world.startTask("a", 0, "long");
    world.addDeploy("second", "v2");
    await world.until(() => world.deploy("second").state === "baking");
    expect(world.deploy("second").hosts[0]?.step).toBe("updated");
    for (let n = 0; n < 20; n += 1) await world.tick();
    expect(world.deploy("second").waitingOn.join()).toContain("long");
    expect(world.deploy("second").state).toBe("baking");
    expect(world.host("a").generations[0]?.state).toBe("draining");
    world.endTask("long");
    await world.until(() => world.deploy("second").state === "completed", 20);
  });

  it("lets the first host alone pull an unresolved tag, then goes on maxParallel at once", async () => {
    const world = makeWorld(["a", "b", "c", "d"]);
    world.addDeploy("first", "v1", { maxParallel: 3 });
    await world.tick();
    await world.tick();
    expect(world.deploy("first").hosts.map((host) => host.step)).toEqual(["starting", "pending", "pending", "pending"]);
    await world.until(() => world.deploy("first").imageDigest !== null);
    await world.tick();
    expect(world.deploy("first").hosts.filter((host) => host.step !== "pending")).toHaveLength(3);
  });

  it("names whom it waits for, and the same pass twice changes nothing", async () => {
    const world = await makeRunningWorld(["a"]);
    world.registry.set("v2", { digest: digestOf("v2"), fetchMs: 60_000 });
    world.addDeploy("second", "v2");
    await world.tick();
    await world.tick();
    await world.tick();
    const revision = world.deploy("second").revision;
    await world.tick();
    await world.tick();
    expect(world.deploy("second").waitingOn).toEqual(["a: fetching v2"]);
    expect(world.deploy("second").revision).toBe(revision);
  });

  it("fails a host that makes no progress, with what was last known of it", async () => {
    const world = await makeRunningWorld(["a", "b"]);
    world.registry.set("v2", { digest: digestOf("v2"), fetchMs: 10_000_000 });
    world.addDeploy("second", "v2", { progressDeadlineMs: 20_000, failureAction: "continue" });
    await world.until(() => world.deploy("second").hosts[0]?.step === "failed", 40);
    expect(world.deploy("second").hosts[0]?.reason).toContain("no progress for 20000 ms; last: fetching v2");
  });

  it("sends a command anew, with a newer epoch, when the agent was killed after taking it", async () => {
    const world = await makeRunningWorld(["a"]);
    world.registry.set("v2", { digest: digestOf("v2"), fetchMs: 5000 });
    world.addDeploy("second", "v2");
    await world.until(() => world.host("a").health().currentDeploy?.deployId === "second");
    world.host("a").restart();
    await world.until(() => world.deploy("second").state === "completed", 60);
    const deploys = world.host("a").admitted.filter((one) => one.kind === "deploy");
    expect(deploys).toHaveLength(3);
  });

  it("converges by itself when another process raised the host's epoch meanwhile", async () => {
    const world = await makeRunningWorld(["a"]);
    await world
      .host("a")
      .driver.fence({ sandboxId: "a", deployId: "by-hand", epoch: 40 }, new AbortController().signal);
    world.addDeploy("second", "v2");
    await world.until(() => world.deploy("second").state === "completed");
    expect(world.sandbox("a").epoch).toBeGreaterThan(40);
  });

  it("waits for a host that another service's deploy is changing", async () => {
    const world = await makeRunningWorld(["a"]);
    world.addDeploy("other", "v1", {}, { service: "agent", state: "in_progress" });
    const other = world.deploy("other");
    const step = world.deploy("first").hosts[0];
    if (!step) throw new Error("no host");
    world.store.deploys.set("other", {
      ...other,
      state: "paused",
      engine: { kind: "paused", since: 0, failing: null, cause: "operator" },
      hosts: [{ ...step, step: "cordoned" }],
    });
    world.addDeploy("second", "v2");
    for (let n = 0; n < 5; n += 1) await world.tick();
    expect(world.deploy("second").waitingOn.join()).toContain("deploy other");
    world.store.deploys.delete("other");
    await world.until(() => world.deploy("second").state === "completed");
  });

  it("fails with the reason when the environment has no sandbox at all", async () => {
    const world = makeWorld([]);
    world.addDeploy("first", "v1");
    await world.tick();
    await world.tick();
    expect(world.deploy("first").state).toBe("failed");
    expect(world.deploy("first").stateReason).toContain("no sandbox");
  });
});

describe("the drain deadline of the last old tasks", () => {
  it("wait: names the task, kills nothing", async () => {
    const world = await makeRunningWorld(["a"]);
    world.startTask("a", 0, "long");
    world.addDeploy("second", "v2", { drainTimeoutMs: 5000, drainDeadlineAction: "wait" });
    for (let n = 0; n < 60; n += 1) await world.tick();
    expect(world.deploy("second").waitingOn.join()).toContain(
      "past its drain deadline, waits on by its knobs: task long",
    );
    expect(world.sandbox("a").openAttempts).toHaveLength(1);
  });

  it("requeue: interrupts only what is safe to interrupt", async () => {
    const world = await makeRunningWorld(["a"]);
    world.startTask("a", 0, "safe", true);
    world.startTask("a", 1, "unsafe", false);
    world.addDeploy("second", "v2", { drainTimeoutMs: 5000, drainDeadlineAction: "requeue" });
    for (let n = 0; n < 60; n += 1) await world.tick();
    expect(world.sandbox("a").openAttempts.map((attempt) => attempt.taskId)).toEqual(["safe", "unsafe"]);
    expect(world.deploy("second").waitingOn.join()).toContain("not safe to interrupt: task unsafe");
    world.endTask("unsafe");
    await world.until(() => world.deploy("second").state === "completed", 60);
    expect(world.sandbox("a").openAttempts).toEqual([]);
  });

  it("force: ends the old generation although tasks run there", async () => {
    const world = await makeRunningWorld(["a"]);
    world.startTask("a", 0, "unsafe", false);
    world.addDeploy("second", "v2", { drainTimeoutMs: 5000, drainDeadlineAction: "force" });
    await world.until(() => world.deploy("second").state === "completed", 60);
    expect(world.host("a").generations[0]?.state).toBe("ended");
  });

  it("pause: pauses once; a resume gives the drain its whole time again", async () => {
    const world = await makeRunningWorld(["a"]);
    world.startTask("a", 0, "long");
    world.addDeploy("second", "v2", { drainTimeoutMs: 5000, drainDeadlineAction: "pause" });
    await world.until(() => world.deploy("second").state === "paused", 60);
    expect(world.deploy("second").stateReason).toContain("task long");
    world.store.request("second", { kind: "resume", actor: "op", reason: "" });
    await world.tick();
    await world.tick();
    await world.tick();
    expect(["in_progress", "baking"]).toContain(world.deploy("second").state);
    await world.until(() => world.deploy("second").state === "paused", 20);
    world.store.request("second", { kind: "resume", actor: "op", reason: "" });
    await world.tick();
    world.endTask("long");
    await world.until(() => world.deploy("second").state === "completed", 20);
  });
});
