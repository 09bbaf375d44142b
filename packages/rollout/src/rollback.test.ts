import { describe, expect, it } from "vitest";
import { digestOf, makeRunningWorld, makeWorld, type World } from "./testing/world.ts";

const broken = "v2: generation 2 did not become healthy: its worker ended with code 1";

/** On these hosts v2 never becomes healthy. */
function breakV2(world: World, ...names: string[]): void {
  for (const name of names) world.host(name).trouble.set(digestOf("v2"), { phase: "verifying", message: broken });
}

describe("automatic rollback", () => {
  it("stops at the first host of a bad release and takes it back to the last completed digest", async () => {
    const world = await makeRunningWorld(["a", "b", "c"]);
    breakV2(world, "a", "b", "c");
    world.addDeploy("second", "v2");
    await world.until(() => world.deploy("second").state === "rolled_back");
    const { hosts, stateReason } = world.deploy("second");
    expect(hosts.map((host) => host.step)).toEqual(["rolled_back", "skipped", "skipped"]);
    expect(stateReason).toContain(broken);
    expect(world.host("b").generations).toHaveLength(1);
    expect(hosts[0]?.reportedDigest).toBe(digestOf("v1"));
    expect([...world.store.allowed]).toEqual([digestOf("v1")]);
    expect(world.sandbox("a").state).toBe("active");
  });

  it("takes updated hosts back too, all at once, and their slots return to the warm generation", async () => {
    const world = await makeRunningWorld(["a", "b", "c"]);
    breakV2(world, "c");
    world.addDeploy("second", "v2");
    await world.until(() => world.deploy("second").state === "rolled_back");
    for (const name of ["a", "b"]) {
      expect(world.sandbox(name).targetGeneration).toBe(1);
      expect(world.sandbox(name).slots.map((slot) => slot.generation)).toEqual([1, 1]);
      expect(world.host(name).generations[1]?.state).toBe("ended");
    }
  });

  it("takes stop-first hosts that serve back one after the other, as maxUnavailable says; the bad one goes first", async () => {
    const world = await makeRunningWorld(["a", "b", "c", "d"]);
    breakV2(world, "d");
    world.addDeploy("second", "v2", { order: "stop-first", maxUnavailable: 1 });
    const steps = () => world.deploy("second").hosts.map((host) => host.step);
    await world.until(() => world.deploy("second").state === "rolling_back");
    expect(steps()).toEqual(["updated", "updated", "updated", "rolling_back"]);
    let most = 0;
    await world.until(() => {
      most = Math.max(most, steps().filter((step) => step === "rolling_back").length);
      return world.deploy("second").state === "rolled_back";
    });
    expect(most).toBe(1);
    expect(steps()).toEqual(["rolled_back", "rolled_back", "rolled_back", "rolled_back"]);
    for (const name of ["a", "b", "c", "d"]) expect(world.sandbox(name).cordons).toEqual([]);
  });

  it("does not interrupt the tasks that run on the bad generation", async () => {
    const world = await makeRunningWorld(["a", "b"]);
    breakV2(world, "b");
    world.addDeploy("second", "v2");
    await world.until(() => world.deploy("second").hosts[0]?.step === "updated");
    world.startTask("a", 0, "on-v2");
    await world.until(() => world.deploy("second").state === "rolled_back");
    expect(world.sandbox("a").openAttempts.map((attempt) => attempt.taskId)).toEqual(["on-v2"]);
    expect(world.host("a").generations[1]?.state).toBe("draining");
  });

  it("a rollback is never rolled back: its failure pauses it, a person resumes it", async () => {
    const world = await makeRunningWorld(["a", "b"]);
    breakV2(world, "b");
    world.addDeploy("second", "v2");
    await world.until(() => world.deploy("second").hosts[0]?.step === "updated");
    const v1 = { digest: digestOf("v1"), failure: { phase: "verifying" as const, message: "v1: disk full" } };
    world.registry.set("v1", v1);
    await world.until(() => world.deploy("second").state === "rollback_paused");
    expect(world.deploy("second").stateReason).toContain("v1: disk full");
    for (let n = 0; n < 20; n += 1) await world.tick();
    expect(world.deploy("second").state).toBe("rollback_paused");
    world.registry.set("v1", { digest: digestOf("v1") });
    world.store.request("second", { kind: "resume", actor: "op", reason: "disk cleaned" });
    await world.until(() => world.deploy("second").state === "rolled_back");
  });

  it("an aborted rollback leaves the hosts as they are and ends", async () => {
    const world = await makeRunningWorld(["a"]);
    breakV2(world, "a");
    world.registry.set("v1", { digest: digestOf("v1"), failure: { phase: "verifying", message: "v1: disk full" } });
    world.addDeploy("second", "v2");
    await world.until(() => world.deploy("second").state === "rollback_paused");
    world.store.request("second", { kind: "abort", actor: "op", reason: "" });
    await world.until(() => world.deploy("second").state === "aborted", 20);
  });

  it("the first deploy of an environment has nothing to go back to: it fails, and starts no further host", async () => {
    const world = makeWorld(["a", "b"]);
    breakV2(world, "a", "b");
    world.addDeploy("first", "v2");
    await world.until(() => world.deploy("first").state === "failed");
    expect(world.deploy("first").stateReason).toContain(broken);
    expect(world.deploy("first").hosts.map((host) => host.step)).toEqual(["failed", "skipped"]);
    expect(world.host("b").admitted).toEqual([]);
    expect([...world.store.allowed]).toEqual([]);
  });

  it("an operator's rollback does the same while the deploy runs", async () => {
    const world = await makeRunningWorld(["a", "b"]);
    world.addDeploy("second", "v2");
    await world.until(() => world.deploy("second").hosts[0]?.step === "updated");
    world.store.request("second", { kind: "rollback", actor: "op", reason: "wrong release" });
    await world.until(() => world.deploy("second").state === "rolled_back");
    expect(world.deploy("second").stateReason).toContain("wrong release");
  });

  it("a release that turns unhealthy while baking is rolled back", async () => {
    const world = await makeRunningWorld(["a"]);
    world.addDeploy("second", "v2", { minHealthyMs: 30_000 });
    await world.until(() => world.deploy("second").state === "baking");
    const generation = world.host("a").generations[1];
    if (!generation) throw new Error("no second generation");
    generation.restarts = 5;
    await world.until(() => world.deploy("second").state === "rolled_back");
    expect(world.deploy("second").stateReason).toContain("crash-looping");
  });

  it("a host that is cut off during the rollback is never counted as back: once cordoned it is left for converging", async () => {
    const world = await makeRunningWorld(["a", "b"]);
    breakV2(world, "b");
    world.addDeploy("second", "v2");
    await world.until(() => world.deploy("second").hosts[0]?.step === "updated");
    world.cutOff("a");
    await world.until(() => world.deploy("second").state === "rolling_back");
    for (let n = 0; n < 30; n += 1) await world.tick();
    expect(world.deploy("second").state).toBe("rolling_back");
    world.sandbox("a").cordons.push({ holderKind: "health", holderId: "watch", reason: "unreachable" });
    await world.until(() => world.deploy("second").state === "rolled_back", 10);
    const first = world.deploy("second").hosts[0];
    expect(first?.step).toBe("failed");
    expect(first?.engine.absent).toBe(true);
  });
});

describe("failureAction", () => {
  it("pause: stops, names the host and its words, puts that host back; resume goes on with the rest", async () => {
    const world = await makeRunningWorld(["a", "b"]);
    breakV2(world, "a");
    world.addDeploy("second", "v2", { failureAction: "pause" });
    await world.until(() => world.deploy("second").state === "paused");
    expect(world.deploy("second").stateReason).toBe(`a: ${broken}`);
    world.host("a").trouble.clear();
    world.store.request("second", { kind: "resume", actor: "op", reason: "" });
    await world.until(() => world.deploy("second").state === "failed");
    expect(world.deploy("second").hosts.map((host) => host.step)).toEqual(["failed", "updated"]);
    world.store.request("second", { kind: "retry", actor: "op", reason: "" });
    await world.until(() => world.deploy("second").state === "completed");
  });

  it("continue: goes on, and the deploy ends failed with the count and the first host's words", async () => {
    const world = await makeRunningWorld(["a", "b", "c"]);
    breakV2(world, "a");
    world.addDeploy("second", "v2", { failureAction: "continue" });
    await world.until(() => world.deploy("second").state === "failed");
    expect(world.deploy("second").hosts.map((host) => host.step)).toEqual(["failed", "updated", "updated"]);
    expect(world.deploy("second").stateReason).toContain("1 of 3 hosts failed");
    expect([...world.store.allowed].sort()).toEqual([digestOf("v1"), digestOf("v2")].sort());
  });
});
