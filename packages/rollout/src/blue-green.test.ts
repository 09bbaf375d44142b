import { describe, expect, it } from "vitest";
import { progressOf } from "./progress-of.ts";
import { digestOf, makeRunningWorld, type World } from "./testing/world.ts";

const blueGreen = { strategy: "blue-green" as const, maxParallel: 3 };
const three = ["a", "b", "c"];
const steps = (world: World) => world.deploy("second").hosts.map((host) => host.step);
const ask = (world: World, kind: "promote" | "abort" | "rollback") =>
  world.store.request("second", { kind, actor: "olga" });
const targets = (world: World) => three.map((name) => world.sandbox(name).targetGeneration);

describe("blue-green", () => {
  it("verifies the new release on every host, then switches all of them in one save", async () => {
    const world = await makeRunningWorld(three);
    world.host("c").trouble.clear();
    world.addDeploy("second", "v2", blueGreen);
    const seen = new Set<string>();
    await world.until(() => {
      seen.add(targets(world).join());
      return world.deploy("second").state === "completed";
    });
    expect([...seen]).toEqual(["1,1,1", "2,2,2"]);
    for (const name of three) {
      const old = world.host(name).generations.find((one) => one.generation === 1);
      expect(old?.state, "the old one stays warm").toBe("warm");
    }
  });

  it("holds a verified generation without slots until the switch, and says so", async () => {
    const world = await makeRunningWorld(three);
    world.addDeploy("second", "v2", { ...blueGreen, autoPromote: false, progressDeadlineMs: 20_000 });
    await world.until(() => progressOf(world.deploy("second"), world.clock.now()).awaitsPromotion);
    for (let n = 0; n < 60; n += 1) await world.tick();
    expect(steps(world)).toEqual(["verifying", "verifying", "verifying"]);
    expect(world.deploy("second").hosts[0]?.reason).toBe("generation 2 is verified, waits for the switch");
    expect(world.deploy("second").waitingOn).toEqual([
      "somebody to promote: every host is verified and waits for the switch",
    ]);
    expect(world.sandbox("a").slots.map((slot) => slot.generation)).toEqual([1, 1]);
    expect(progressOf(world.deploy("second"), world.clock.now()).phase).toBe("switching");
    ask(world, "promote");
    await world.tick();
    expect(targets(world)).toEqual([2, 2, 2]);
    await world.until(() => world.deploy("second").state === "completed");
  });

  it("promote before every host is verified is refused with what it waits for", async () => {
    const world = await makeRunningWorld(three);
    world.addDeploy("second", "v2", { ...blueGreen, maxParallel: 1, autoPromote: false });
    await world.until(() => world.deploy("second").hosts[0]?.engine.holds === true);
    ask(world, "promote");
    await world.tick();
    const told = world.store.decisions.map((one) => one.decision.summary).join("\n");
    expect(told).toContain("promote asked by olga is refused: it waits for b");
    expect(targets(world)).toEqual([1, 1, 1]);
  });

  it("one host that fails before the switch takes everything back: no slot ever moved", async () => {
    const world = await makeRunningWorld(three);
    world.host("b").trouble.set(digestOf("v2"), { phase: "verifying", message: "no browser" });
    world.addDeploy("second", "v2", blueGreen);
    const seen = new Set<string>();
    await world.until(() => {
      seen.add(targets(world).join());
      return world.deploy("second").state === "rolled_back";
    });
    expect([...seen]).toEqual(["1,1,1"]);
    for (const name of three) expect(world.host(name).health().imageDigest).toBe(digestOf("v1"));
  });

  it("a verified generation that dies before the switch fails its host", async () => {
    const world = await makeRunningWorld(three);
    world.addDeploy("second", "v2", { ...blueGreen, autoPromote: false, healthyDeadlineMs: 5000 });
    await world.until(() => progressOf(world.deploy("second"), world.clock.now()).awaitsPromotion);
    const candidate = world.host("b").generations.find((one) => one.generation === 2);
    if (!candidate) throw new Error("no candidate");
    candidate.healthy = false;
    await world.until(() => world.deploy("second").state === "rolled_back", 30);
    expect(world.deploy("second").stateReason).toContain("b: unhealthy after it was verified");
  });

  it("aborted before the switch, the second generations are ended everywhere", async () => {
    const world = await makeRunningWorld(three);
    world.addDeploy("second", "v2", { ...blueGreen, autoPromote: false });
    await world.until(() => progressOf(world.deploy("second"), world.clock.now()).awaitsPromotion);
    ask(world, "abort");
    await world.until(() => world.deploy("second").state === "aborted", 60);
    expect(steps(world)).toEqual(["rolled_back", "rolled_back", "rolled_back"]);
    for (const name of three) {
      const living = world.host(name).generations.filter((one) => one.state !== "ended");
      expect(living.map((one) => one.imageTag)).toEqual(["v1"]);
    }
  });

  it("is impossible where the releases may not overlap, and says which knob says so", async () => {
    const world = await makeRunningWorld(three);
    world.addDeploy("second", "v2", { ...blueGreen, mayOverlap: false });
    await world.until(() => world.deploy("second").state === "failed", 3);
    expect(world.deploy("second").stateReason).toBe(
      "nothing was changed: strategy blue-green runs both releases on each host at once, but mayOverlap is false",
    );
  });
});
