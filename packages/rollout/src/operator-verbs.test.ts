import { describe, expect, it } from "vitest";
import { digestOf, makeRunningWorld, type World } from "./testing/world.ts";

const ask = (world: World, kind: "pause" | "resume" | "abort" | "rollback" | "retry" | "trigger") =>
  world.store.request("second", { kind, actor: "olga", reason: "because" });

describe("pause and resume", () => {
  it("starts nothing new, lets the host in flight arrive, and goes on where it was", async () => {
    const world = await makeRunningWorld(["a", "b"]);
    world.addDeploy("second", "v2");
    await world.until(() => world.deploy("second").hosts[0]?.step === "verifying");
    ask(world, "pause");
    for (let n = 0; n < 20; n += 1) await world.tick();
    expect(world.deploy("second").state).toBe("paused");
    expect(world.deploy("second").stateReason).toBe("paused by olga: because");
    expect(world.deploy("second").hosts.map((host) => host.step)).toEqual(["updated", "pending"]);
    ask(world, "resume");
    await world.until(() => world.deploy("second").state === "completed");
  });

  it("fences off a command that no host has shown yet: should it arrive late, it is refused", async () => {
    const world = await makeRunningWorld(["a"]);
    world.addDeploy("second", "v2");
    world.host("a").losesCommands = true;
    await world.until(() => world.deploy("second").hosts[0]?.step === "starting");
    const late = world.deploy("second").hosts[0]?.engine.command?.epoch ?? 0;
    ask(world, "pause");
    await world.tick();
    expect(world.deploy("second").hosts[0]).toMatchObject({ step: "pending", engine: { command: { kind: "fence" } } });
    world.host("a").losesCommands = false;
    await world.tick();
    const order = { sandboxId: "a", deployId: "second", epoch: late };
    const answer = await world.host("a").driver.deploy(order, { image_tag: "v2" }, new AbortController().signal);
    expect(answer).toMatchObject({ ok: false, error: { kind: "stale" } });
    expect(world.host("a").generations).toHaveLength(1);
    ask(world, "resume");
    await world.until(() => world.deploy("second").state === "completed");
  });

  it("does not count paused time toward the progress deadline", async () => {
    const world = await makeRunningWorld(["a"]);
    world.registry.set("v2", { digest: digestOf("v2"), fetchMs: 100_000 });
    world.addDeploy("second", "v2", { progressDeadlineMs: 60_000 });
    await world.until(() => world.deploy("second").hosts[0]?.step === "starting");
    for (let n = 0; n < 10; n += 1) await world.tick();
    ask(world, "pause");
    for (let n = 0; n < 80; n += 1) await world.tick();
    ask(world, "resume");
    await world.until(() => world.deploy("second").state === "completed", 100);
  });

  it("refuses what the state does not allow, says so, and forgets the wish", async () => {
    const world = await makeRunningWorld(["a"]);
    world.addDeploy("second", "v2");
    await world.tick();
    ask(world, "resume");
    await world.tick();
    expect(world.deploy("second").request).toBeNull();
    expect(world.store.decisions.map((one) => one.decision.summary)).toContain(
      "resume asked by olga is not possible while in_progress",
    );
  });
});

describe("trigger", () => {
  it("takes a deploy that waited for a person into the queue", async () => {
    const world = await makeRunningWorld(["a"]);
    world.addDeploy("second", "v2", {}, { state: "awaiting_trigger" });
    for (let n = 0; n < 3; n += 1) await world.tick();
    expect(world.deploy("second").state).toBe("awaiting_trigger");
    ask(world, "trigger");
    await world.until(() => world.deploy("second").state === "completed");
  });
});

describe("abort", () => {
  it("before the start ends it at once", async () => {
    const world = await makeRunningWorld(["a"]);
    world.addDeploy("second", "v2", {}, { state: "awaiting_trigger" });
    ask(world, "abort");
    await world.tick();
    expect(world.deploy("second").state).toBe("aborted");
  });

  it("fences the host in flight, ends its new generation, and leaves updated hosts updated", async () => {
    const world = await makeRunningWorld(["a", "b", "c"]);
    world.registry.set("v2", { digest: digestOf("v2"), bootMs: 5000 });
    world.addDeploy("second", "v2");
    await world.until(() => world.deploy("second").hosts[1]?.step === "starting");
    await world.tick();
    await world.tick();
    ask(world, "abort");
    await world.tick();
    expect(world.deploy("second").state).toBe("aborting");
    await world.until(() => world.deploy("second").state === "aborted", 60);
    expect(world.deploy("second").hosts.map((host) => host.step)).toEqual(["updated", "rolled_back", "skipped"]);
    expect(
      world
        .host("b")
        .generations.filter((one) => one.state !== "ended")
        .map((one) => one.imageTag),
    ).toEqual(["v1"]);
    expect(world.sandbox("b").state).toBe("active");
    expect([...world.store.allowed].sort()).toEqual([digestOf("v1"), digestOf("v2")].sort());
  });

  it("stays aborting while a host with an unsettled effect cannot answer, until health checks have cordoned it", async () => {
    const world = await makeRunningWorld(["a", "b"]);
    world.registry.set("v2", { digest: digestOf("v2"), bootMs: 50_000 });
    world.addDeploy("second", "v2");
    await world.until(() => world.host("a").health().currentDeploy?.deployId === "second");
    world.cutOff("a");
    ask(world, "abort");
    for (let n = 0; n < 30; n += 1) await world.tick();
    expect(world.deploy("second").state).toBe("aborting");
    expect(world.deploy("second").waitingOn.join()).toContain("unreachable");
    world.sandbox("a").cordons.push({ holderKind: "health", holderId: "watch", reason: "unreachable" });
    await world.until(() => world.deploy("second").state === "aborted", 5);
  });

  it("gives a draining stop-first host its work back", async () => {
    const world = await makeRunningWorld(["a"]);
    world.startTask("a", 0, "long");
    world.addDeploy("second", "v2", { order: "stop-first" });
    await world.until(() => world.deploy("second").hosts[0]?.step === "draining");
    await world.tick();
    ask(world, "abort");
    await world.until(() => world.deploy("second").state === "aborted", 20);
    expect(world.sandbox("a").cordons).toEqual([]);
    expect(world.host("a").health().accepting).toBe(true);
    expect(world.sandbox("a").openAttempts).toHaveLength(1);
  });
});
