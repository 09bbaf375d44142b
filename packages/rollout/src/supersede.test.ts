import { describe, expect, it } from "vitest";
import { digestOf, makeRunningWorld } from "./testing/world.ts";

describe("a newer deploy in staging", () => {
  it("takes over at once while the older one only drains, and gives the host its work back first", async () => {
    const world = await makeRunningWorld(["a", "b"]);
    world.startTask("a", 0, "long");
    world.addDeploy("second", "v2", { order: "stop-first" });
    await world.until(() => world.deploy("second").hosts[0]?.step === "draining");
    world.addDeploy("third", "v3");
    await world.until(() => world.deploy("second").state === "superseded", 10);
    expect(world.deploy("second").hosts.map((host) => host.step)).toEqual(["skipped", "skipped"]);
    world.endTask("long");
    await world.until(() => world.deploy("third").state === "completed");
    expect(world.host("a").admitted.map((one) => one.kind)).toContain("undrain");
    expect([...world.store.allowed]).toEqual([digestOf("v3")]);
  });

  it("a waiting older deploy is superseded before it ever starts", async () => {
    const world = await makeRunningWorld(["a"]);
    world.addDeploy("second", "v2");
    world.addDeploy("third", "v3");
    await world.until(() => world.deploy("third").state === "completed");
    expect(world.deploy("second").state).toBe("superseded");
    expect(world.host("a").generations.map((one) => one.imageTag)).not.toContain("v2");
  });

  it("a paused deploy gives way too", async () => {
    const world = await makeRunningWorld(["a", "b"]);
    world.addDeploy("second", "v2");
    await world.until(() => world.deploy("second").hosts[0]?.step === "updated");
    world.store.request("second", { kind: "pause", actor: "op", reason: "" });
    await world.tick();
    world.addDeploy("third", "v3");
    await world.until(() => world.deploy("third").state === "completed");
    expect(world.deploy("second").state).toBe("superseded");
  });

  it("when it fails, hosts that the superseded one had updated go back to the last completed release too", async () => {
    const world = await makeRunningWorld(["a", "b"]);
    world.addDeploy("second", "v2");
    await world.until(() => world.deploy("second").hosts[1]?.step === "starting");
    world.registry.set("v3", { digest: digestOf("v3"), failure: { phase: "fetching", message: "no such image" } });
    world.addDeploy("third", "v3");
    await world.until(() => world.deploy("third").state === "rolled_back");
    for (const name of ["a", "b"]) expect(world.host(name).health().imageDigest).toBe(digestOf("v1"));
    expect(world.deploy("third").hosts.map((host) => host.step)).toEqual(["rolled_back", "rolled_back"]);
  });
});

describe("a deploy limited to some sandboxes", () => {
  it("does not take the place of one to all, and says nothing about what the others may run", async () => {
    const world = await makeRunningWorld(["a", "b"]);
    world.addDeploy("second", "v2");
    await world.tick();
    world.addDeploy("some", "v3", {}, { sandboxIds: ["b"] });
    await world.until(() => world.deploy("some").state === "completed");
    expect(world.deploy("second").state).toBe("completed");
    expect(world.deploy("some").hosts.map((host) => host.name)).toEqual(["b"]);
    expect([...world.store.allowed].sort()).toEqual([digestOf("v2"), digestOf("v3")].sort());
    world.addDeploy("fourth", "v1");
    await world.until(() => world.deploy("fourth").state === "completed");
    expect(world.deploy("fourth").previousDigest).toBe(digestOf("v2"));
    expect([...world.store.allowed]).toEqual([digestOf("v1")]);
  });
});

describe("a newer deploy in production", () => {
  it("queues behind the older one, in order", async () => {
    const world = await makeRunningWorld(["a", "b"], { environment: "production" });
    world.addDeploy("second", "v2");
    await world.tick();
    world.addDeploy("third", "v3");
    await world.tick();
    expect(world.deploy("third").waitingOn).toEqual(["deploy second to end or give way"]);
    await world.until(() => world.deploy("third").state === "completed");
    expect(world.deploy("second").state).toBe("completed");
    expect(world.deploy("third").previousDigest).toBe(digestOf("v2"));
  });
});
