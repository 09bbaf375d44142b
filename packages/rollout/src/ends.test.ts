import { describe, expect, it } from "vitest";
import { digestOf, makeRunningWorld } from "./testing/world.ts";

describe("a deploy that ends early", () => {
  it("F13: a failed pull is a failed deploy: what ran is untouched, nothing is reported as updated", async () => {
    const world = await makeRunningWorld(["a", "b"]);
    world.registry.delete("v2");
    world.addDeploy("second", "v2", { failureAction: "continue" });
    await world.until(() => world.deploy("second").state === "failed");
    expect(world.deploy("second").hosts.map((host) => host.step)).toEqual(["failed", "failed"]);
    expect(world.deploy("second").stateReason).toContain("the pull of v2 failed: not found");
    for (const name of ["a", "b"]) {
      expect(world.deploy("second").hosts.every((host) => host.reportedDigest === null)).toBe(true);
      expect(world.host(name).generations.map((one) => [one.imageTag, one.state])).toEqual([["v1", "serving"]]);
      expect(world.sandbox(name)).toMatchObject({ state: "active", targetGeneration: 1, cordons: [] });
    }
    expect([...world.store.allowed]).toEqual([digestOf("v1")]);
  });

  it("F19: an aborted deploy leaves no lock: no cordon, no held sandbox, and the next one starts at once", async () => {
    for (const order of ["start-first", "stop-first"] as const) {
      const world = await makeRunningWorld(["a", "b"], { environment: "production" });
      world.registry.set("v2", { digest: digestOf("v2"), fetchMs: 30_000 });
      world.addDeploy("second", "v2", { order });
      await world.until(() => world.deploy("second").hosts[0]?.step !== "pending");
      world.addDeploy("third", "v3", { order });
      await world.tick();
      expect(world.deploy("third").waitingOn).toEqual(["deploy second to end or give way"]);
      world.store.request("second", { kind: "abort", actor: "olga" });
      await world.until(() => world.deploy("second").state === "aborted", 90);
      for (const name of ["a", "b"]) {
        const mine = world.sandbox(name).cordons.filter((cordon) => cordon.holderId === "second");
        expect(mine, `${order} ${name}`).toEqual([]);
      }
      expect((await world.store.facts(world.deploy("third"))).environment.activeDeployId).toBeNull();
      await world.until(() => world.deploy("third").state === "completed");
      for (const name of ["a", "b"]) expect(world.sandbox(name)).toMatchObject({ state: "active", cordons: [] });
    }
  });

  it("F21: a rollback that fails pauses, is never rolled back itself, and leaves every good generation serving", async () => {
    const world = await makeRunningWorld(["a", "b", "c"]);
    world.addDeploy("second", "v2");
    await world.until(() => world.deploy("second").hosts[1]?.step === "updated");
    world.host("a").trouble.set(digestOf("v1"), { phase: "verifying", message: "v1 cannot be woken" });
    const serving = () => world.host("a").generations.filter((one) => one.state === "serving" && one.healthy);
    world.store.request("second", { kind: "rollback", actor: "olga" });
    await world.until(() => world.deploy("second").state === "rollback_paused");
    for (let n = 0; n < 120; n += 1) await world.tick();
    expect(world.deploy("second")).toMatchObject({ state: "rollback_paused" });
    expect(world.deploy("second").stateReason).toContain("v1 cannot be woken");
    expect(serving().map((one) => one.imageTag)).toEqual(["v2"]);
    expect(world.host("a").admitted.map((one) => one.kind)).not.toContain("end_generation");
    for (const name of ["b", "c"]) expect(world.host(name).health().imageDigest).toBe(digestOf("v1"));
    world.host("a").trouble.clear();
    world.store.request("second", { kind: "resume", actor: "olga" });
    await world.until(() => world.deploy("second").state === "rolled_back");
  });
});
