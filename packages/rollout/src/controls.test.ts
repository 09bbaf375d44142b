import { describe, expect, it } from "vitest";
import { decide } from "./decide.ts";
import { progressOf } from "./progress-of.ts";
import { digestOf, makeRunningWorld, type World } from "./testing/world.ts";

const said = (world: World) => world.store.decisions.map((one) => one.decision.summary).join("\n");
const steps = (world: World, id = "second") => world.deploy(id).hosts.map((host) => host.step);
const ticks = async (world: World, count: number) => {
  for (let n = 0; n < count; n += 1) await world.tick();
};

describe("approvals", () => {
  it("a trigger goes to those who must approve; as many others as the environment asks for, each once", async () => {
    const world = await makeRunningWorld(["a"]);
    world.store.rules.requiredApprovals = 2;
    world.addDeploy("second", "v2", {}, { state: "awaiting_trigger", createdBy: "olga" });
    world.store.request("second", { kind: "trigger", actor: "olga" });
    await ticks(world, 2);
    expect(world.deploy("second").state).toBe("awaiting_approval");
    expect(world.deploy("second").waitingOn).toEqual(["approval by a person other than olga: 0 of 2"]);
    world.store.request("second", { kind: "approve", actor: "olga" });
    await world.tick();
    expect(said(world)).toContain("approve refused: olga asked for this deploy, a second person must approve it");
    world.store.approvals.set("second", [
      { actor: "olga", at: 0 },
      { actor: "pat", at: 0 },
      { actor: "pat", at: 1 },
    ]);
    await world.tick();
    expect(world.deploy("second").waitingOn).toEqual(["approval by a person other than olga: 1 of 2"]);
    world.store.request("second", { kind: "approve", actor: "quinn" });
    await world.tick();
    expect(world.deploy("second")).toMatchObject({ state: "queued", stateReason: "approved by pat, quinn" });
    await world.until(() => world.deploy("second").state === "completed");
  });
});

describe("a freeze", () => {
  const at = (world: World, ms: number) => new Date(world.clock.now() + ms).toISOString();

  it("keeps a deploy from starting and says until when; an admin's deploy starts anyway", async () => {
    const world = await makeRunningWorld(["a"]);
    const until = at(world, 60_000);
    world.store.rules.freezes = [{ name: "launch day", from: at(world, -1000), to: until, pauses: false }];
    world.addDeploy("second", "v2");
    await ticks(world, 30);
    expect(world.deploy("second")).toMatchObject({
      state: "queued",
      waitingOn: [`freeze "launch day" until ${until}`],
    });
    await world.until(() => world.deploy("second").state === "completed");
    world.store.rules.freezes = [{ name: "all week", from: at(world, -1000), to: at(world, 1e9), pauses: true }];
    world.addDeploy("third", "v3", {}, { ignoreFreeze: true });
    await world.until(() => world.deploy("third").state === "completed");
  });

  it("that pauses lets the host in flight arrive, begins no other, and never stops a rollback", async () => {
    const world = await makeRunningWorld(["a", "b"]);
    world.addDeploy("second", "v2");
    await world.until(() => steps(world)[0] === "starting");
    world.store.rules.freezes = [{ name: "peak", from: at(world, -1000), to: at(world, 1e7), pauses: true }];
    await ticks(world, 60);
    expect(steps(world)).toEqual(["updated", "pending"]);
    expect(world.deploy("second").waitingOn.join()).toContain('freeze "peak" until');
    world.store.request("second", { kind: "rollback", actor: "olga" });
    await world.until(() => world.deploy("second").state === "rolled_back", 60);
  });
});

describe("a migration that must wait", () => {
  it("first 9, the hook: keeps the deploy from starting and names whom it waits for", async () => {
    const world = await makeRunningWorld(["a"]);
    const blockedBy = ["a runs task t-1 on v1 until about 12:00"];
    world.store.rules.contractMigrations = [{ name: "0042_drop_column", blockedBy }];
    world.addDeploy("second", "v2");
    await ticks(world, 5);
    expect(world.deploy("second").waitingOn).toEqual([`migration 0042_drop_column: ${blockedBy[0]}`]);
    world.store.rules.contractMigrations = [{ name: "0042_drop_column", blockedBy: [] }];
    await world.until(() => world.deploy("second").state === "completed");
  });
});

describe("retry", () => {
  it("takes the failed hosts again and no updated one; a host still away stays skipped until it returns", async () => {
    const world = await makeRunningWorld(["a", "b", "c"]);
    world.cutOff("c", true);
    world.sandbox("c").unreachableSince = 0;
    world.host("b").trouble.set(digestOf("v2"), { phase: "verifying", message: "no browser" });
    world.addDeploy("second", "v2", { failureAction: "continue" });
    await world.until(() => world.deploy("second").state === "failed");
    expect(steps(world)).toEqual(["updated", "failed", "skipped"]);
    world.host("b").trouble.clear();
    const before = world.host("a").admitted.length;
    world.store.request("second", { kind: "retry", actor: "olga" });
    await world.tick();
    expect(steps(world)[2]).toBe("skipped");
    world.comeBack("c");
    await world.until(() => world.deploy("second").state === "completed");
    expect(steps(world)).toEqual(["updated", "updated", "updated"]);
    expect(world.host("a").admitted).toHaveLength(before);
  });
});

describe("rollback", () => {
  it("goes to any release named by its digest, and lets hosts work on it", async () => {
    const world = await makeRunningWorld(["a", "b"]);
    world.addDeploy("second", "v2", { minHealthyMs: 0 });
    await world.until(() => world.deploy("second").state === "completed");
    world.addDeploy("third", "v3");
    await world.until(() => steps(world, "third")[0] === "updated");
    world.store.request("third", { kind: "rollback", actor: "olga", toDigest: digestOf("v1"), toTag: "v1" });
    await world.until(() => world.deploy("third").state === "rolled_back");
    expect(said(world)).toContain("goes back to v1 rather than to v2");
    expect(world.store.allowed.has(digestOf("v1"))).toBe(true);
    expect(world.store.allowed.has(digestOf("v3"))).toBe(false);
    expect(world.host("a").health().imageDigest).toBe(digestOf("v1"));
  });

  it("to the very release that is being deployed is refused", async () => {
    const world = await makeRunningWorld(["a", "b"]);
    world.addDeploy("second", "v2");
    await world.until(() => steps(world)[0] === "updated");
    world.store.request("second", { kind: "rollback", actor: "olga", toDigest: digestOf("v2") });
    await world.tick();
    expect(world.deploy("second").state).toBe("in_progress");
    expect(said(world)).toContain("is what this deploy brings; name another release");
  });

  it("semantics: inside the rollback window skips the steps: warm generations are woken everywhere at once", async () => {
    const world = await makeRunningWorld(["a", "b", "c"]);
    world.addDeploy("second", "v2", { minHealthyMs: 0, maxParallel: 3 });
    await world.until(() => world.deploy("second").state === "completed");
    const canarySteps = [{ hosts: 1, taskSharePct: 50, bakeMs: 600_000 }];
    world.addDeploy("back", "v1", { strategy: "canary", canarySteps }, { imageDigest: digestOf("v1") });
    await world.tick();
    expect(world.deploy("back").course.skipsSteps).toContain("a rollback inside the rollback window");
    await world.until(() => world.deploy("back").state === "completed", 30);
    for (const name of ["a", "b", "c"]) {
      expect(world.sandbox(name).targetGeneration).toBe(1);
      expect(world.host(name).generations).toHaveLength(2);
    }
    expect(progressOf(world.deploy("back"), world.clock.now()).stepsTotal).toBe(0);
  });

  it("outside the rollback window it is a deploy like any other", async () => {
    const world = await makeRunningWorld(["a", "b"]);
    world.addDeploy("second", "v2", { minHealthyMs: 0 });
    await world.until(() => world.deploy("second").state === "completed");
    for (const name of ["a", "b"]) Object.assign(world.host(name).generations[0] ?? {}, { state: "ended" });
    world.addDeploy("back", "v1", {}, { imageDigest: digestOf("v1") });
    await world.until(() => world.deploy("back").state === "completed");
    expect(world.deploy("back").course.skipsSteps).toBeNull();
    expect(world.sandbox("a").targetGeneration).toBe(3);
  });
});

describe("knobs", () => {
  it("semantics: changed options take effect in this very update, not in the next one", async () => {
    const world = await makeRunningWorld(["a", "b", "c"]);
    world.addDeploy("second", "v2", { maxParallel: 1 }, { state: "awaiting_trigger" });
    const waiting = world.deploy("second");
    const knobs = { ...waiting.knobs, maxParallel: 3, strategy: "blue-green" as const };
    world.store.deploys.set("second", { ...waiting, knobs });
    world.store.request("second", { kind: "trigger", actor: "olga" });
    world.registry.set("v2", { digest: digestOf("v2"), fetchMs: 5000 });
    await world.until(() => world.deploy("second").imageDigest !== null);
    await ticks(world, 2);
    expect(steps(world).filter((step) => step !== "pending")).toHaveLength(3);
    await world.until(() => world.deploy("second").course.switched);
  });

  it("releases that may not overlap are changed stop-first, whatever the order says", async () => {
    const world = await makeRunningWorld(["a", "b"]);
    world.addDeploy("second", "v2", { mayOverlap: false, maxUnavailable: 1 });
    await world.until(() => world.deploy("second").state === "completed");
    expect(world.host("a").admitted.map((one) => one.kind)).toContain("drain");
    expect(world.deploy("second").hosts.map((host) => host.order)).toEqual(["stop-first", "stop-first"]);
  });
});

describe("a host without memory for a second generation", () => {
  const crowded = { admits: false, neededMb: 900, freeMb: 256 };

  it("falls back to stop-first where that is allowed, and says so", async () => {
    const world = await makeRunningWorld(["a", "b"]);
    world.host("a").admission = crowded;
    world.addDeploy("second", "v2", { maxUnavailable: 1 });
    await world.until(() => world.deploy("second").state === "completed");
    expect(world.deploy("second").hosts.map((host) => host.order)).toEqual(["stop-first", "start-first"]);
    expect(said(world)).toContain(
      "a: stop-first instead of start-first, since a second generation needs 900 MB and 256 MB are free",
    );
  });

  it("waits where stop-first would break maxUnavailable, says why, and fails after the progress deadline", async () => {
    const world = await makeRunningWorld(["a", "b"]);
    world.host("a").admission = crowded;
    world.addDeploy("second", "v2", { maxUnavailable: 0, progressDeadlineMs: 30_000, failureAction: "continue" });
    const text =
      "a: a second generation needs 900 MB and 256 MB are free, and stop-first would take it out of service, where maxUnavailable is 0";
    await world.until(() => world.deploy("second").waitingOn.includes(text), 60);
    await world.until(() => world.deploy("second").state === "failed");
    expect(steps(world)).toEqual(["failed", "updated"]);
    expect(world.host("a").generations).toHaveLength(1);
  });

  it("takes its turn as soon as there is room", async () => {
    const world = await makeRunningWorld(["a"]);
    world.host("a").admission = crowded;
    world.addDeploy("second", "v2");
    await ticks(world, 10);
    world.host("a").admission = { ...crowded, admits: true };
    await world.until(() => world.deploy("second").state === "completed");
    expect(world.deploy("second").hosts[0]?.order).toBe("start-first");
  });
});

describe("a pin", () => {
  it("is shown when a deploy takes its place", async () => {
    const world = await makeRunningWorld(["a"]);
    world.addDeploy("second", "v2");
    await world.tick();
    const deploy = world.deploy("second");
    const { environment, sandboxes } = await world.store.facts(deploy);
    const health = world.host("a").health();
    const currentDeploy = health.currentDeploy && { ...health.currentDeploy, pinned: true, imageTag: "by-hand" };
    const observed = sandboxes.map((facts) => ({
      ...{ kind: "seen" as const, refusal: null, facts },
      health: { ...health, currentDeploy },
    }));
    const { decisions } = decide(deploy, { environment, sandboxes: observed }, world.clock.now());
    expect(decisions.map((one) => one.summary)).toContain(
      "a: it was pinned to by-hand by hand; this deploy takes its place",
    );
  });
});

describe("many hosts that wait", () => {
  it("are told as the first few and a number", async () => {
    const names = Array.from({ length: 50 }, (_, n) => `s${n}`);
    const world = await makeRunningWorld(names);
    world.registry.set("v2", { digest: digestOf("v2"), fetchMs: 60_000 });
    world.addDeploy("second", "v2", { maxParallel: "100%" }, { imageDigest: digestOf("v2") });
    await ticks(world, 4);
    const { waitingOn } = world.deploy("second");
    expect(waitingOn).toHaveLength(21);
    expect(waitingOn.at(-1)).toBe("30 more hosts: fetching v…");
  });
});
