import { describe, expect, it } from "vitest";
import { digestOf, makeRunningWorld } from "./testing/world.ts";

const stopFirst = { order: "stop-first" as const };

describe("stop-first", () => {
  it("cordons, drains, replaces, verifies, one host at a time, and lifts its own cordon only", async () => {
    const world = await makeRunningWorld(["a", "b"]);
    world.sandbox("a").cordons.push({ holderKind: "operator", holderId: "op", reason: "looking at it" });
    world.addDeploy("second", "v2", stopFirst);
    const steps = new Set<string>();
    await world.until(() => {
      const busy = world.deploy("second").hosts.filter((host) => !["pending", "updated"].includes(host.step));
      for (const host of busy) steps.add(host.step);
      expect(busy.length).toBeLessThanOrEqual(1);
      return world.deploy("second").state === "completed";
    });
    expect([...steps]).toEqual(["cordoned", "draining", "replacing", "verifying"]);
    expect(world.sandbox("a").cordons.map((cordon) => cordon.holderKind)).toEqual(["operator"]);
    expect(world.sandbox("b").cordons).toEqual([]);
    expect(world.sandbox("b").slots.every((slot) => slot.generation === 2)).toBe(true);
  });

  it("does not replace before every task has ended, and by default pauses at the drain deadline", async () => {
    const world = await makeRunningWorld(["a"]);
    world.startTask("a", 0, "long");
    world.addDeploy("second", "v2", { ...stopFirst, drainTimeoutMs: 5000 });
    await world.until(() => world.deploy("second").state === "paused", 30);
    expect(world.deploy("second").stateReason).toContain("task long");
    expect(world.deploy("second").hosts[0]?.step).toBe("draining");
    expect(world.sandbox("a").cordons).toHaveLength(1);
    world.endTask("long");
    for (let n = 0; n < 5; n += 1) await world.tick();
    expect(world.deploy("second").hosts[0]?.step).toBe("draining");
    world.store.request("second", { kind: "resume", actor: "op", reason: "" });
    await world.until(() => world.deploy("second").state === "completed");
  });

  it("force at the drain deadline ends the generation, then replaces", async () => {
    const world = await makeRunningWorld(["a"]);
    world.startTask("a", 0, "long");
    world.addDeploy("second", "v2", { ...stopFirst, drainTimeoutMs: 3000, drainDeadlineAction: "force" });
    await world.until(() => world.deploy("second").state === "completed", 60);
    expect(world.host("a").admitted.map((one) => one.kind)).toContain("end_generation");
  });

  it("keeps to maxUnavailable, counting hosts that any other deploy holds out of service", async () => {
    const world = await makeRunningWorld(["a", "b", "c"]);
    world.sandbox("c").cordons.push({ holderKind: "deploy", holderId: "another", reason: "agent deploy" });
    world.addDeploy("second", "v2", { ...stopFirst, maxParallel: 3, maxUnavailable: 2 });
    let most = 0;
    await world.until(() => {
      const out = ["a", "b", "c"].filter((name) =>
        world.sandbox(name).cordons.some((cordon) => cordon.holderKind === "deploy"),
      );
      most = Math.max(most, out.length);
      return world.deploy("second").state === "completed";
    });
    expect(most).toBe(2);
  });

  it("says why nothing starts when maxUnavailable is 0", async () => {
    const world = await makeRunningWorld(["a"]);
    world.addDeploy("second", "v2", { ...stopFirst, maxUnavailable: 0 });
    for (let n = 0; n < 3; n += 1) await world.tick();
    expect(world.deploy("second").waitingOn.join()).toContain("maxUnavailable is 0");
  });

  it("a host that went back by itself is failed with its words, and the fleet goes back", async () => {
    const world = await makeRunningWorld(["a", "b"]);
    const message = "v2: the browser did not start: missing libnss3.so";
    world.registry.set("v2", { digest: digestOf("v2"), failure: { phase: "verifying", message } });
    world.addDeploy("second", "v2", stopFirst);
    await world.until(() => world.deploy("second").state === "rolled_back");
    expect(world.deploy("second").stateReason).toContain(message);
    expect(world.sandbox("a").cordons).toEqual([]);
    expect(world.sandbox("a").slots.every((slot) => slot.generation === world.sandbox("a").targetGeneration)).toBe(
      true,
    );
    expect(world.host("a").health().imageDigest).toBe(digestOf("v1"));
    expect(world.deploy("second").hosts[1]?.step).toBe("skipped");
    expect([...world.store.allowed]).toEqual([digestOf("v1")]);
  });
});
