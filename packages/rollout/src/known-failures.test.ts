import { defaultKnobs } from "@valet/shared";
import { describe, expect, it } from "vitest";
import { decide } from "./decide.ts";
import { isDrained, type Observation } from "./observation.ts";
import { digestOf, makeRunningWorld, makeWorld } from "./testing/world.ts";

const stopFirst = { order: "stop-first" as const };

describe("failures this engine must not have", () => {
  it("F06: an unreachable host is not idle: it is neither drained nor replaced", async () => {
    const world = await makeRunningWorld(["a"]);
    world.addDeploy("second", "v2", { ...stopFirst, drainDeadlineAction: "wait" });
    await world.until(() => world.deploy("second").hosts[0]?.step === "draining");
    world.cutOff("a");
    for (let n = 0; n < 60; n += 1) await world.tick();
    expect(world.deploy("second").hosts[0]?.step).toBe("draining");
    expect(world.deploy("second").waitingOn.join()).toContain("a: unreachable since");
    const { store } = world;
    const facts = (await store.facts(world.deploy("second"))).sandboxes[0];
    if (!facts) throw new Error("no facts");
    expect(isDrained({ kind: "unreachable", since: 0, why: "", facts })).toBe(false);
  });

  it("F06: a host whose GH worker does not answer has no job count, and is not drained", async () => {
    const world = await makeRunningWorld(["a"]);
    const facts = (await world.store.facts(world.deploy("first"))).sandboxes[0];
    if (!facts) throw new Error("no facts");
    const health = { ...world.host("a").health(), accepting: false };
    const seen = (activeWorkers: number | null): Observation => ({
      kind: "seen",
      health: { ...health, activeWorkers },
      refusal: null,
      facts,
    });
    expect(isDrained(seen(null))).toBe(false);
    expect(isDrained(seen(0))).toBe(true);
  });

  it("F08: zero jobs is not drained while the host accepts or a slot is reserved for it", async () => {
    const world = await makeRunningWorld(["a"]);
    const facts = (await world.store.facts(world.deploy("first"))).sandboxes[0];
    if (!facts) throw new Error("no facts");
    const health = { ...world.host("a").health(), activeWorkers: 0 };
    const seen = { kind: "seen" as const, refusal: null };
    expect(isDrained({ ...seen, health: { ...health, accepting: true }, facts })).toBe(false);
    const idle = { ...health, accepting: false };
    expect(isDrained({ ...seen, health: idle, facts })).toBe(true);
    const slots = [{ index: 0, generation: 1, state: "reserved" as const }];
    expect(isDrained({ ...seen, health: idle, facts: { ...facts, slots } })).toBe(false);
  });

  it("F08: a host in queue mode that goes on accepting is told to drain again, not replaced", async () => {
    const world = await makeRunningWorld(["a"]);
    world.addDeploy("second", "v2", { ...stopFirst, drainDeadlineAction: "wait" });
    await world.until(() => world.deploy("second").hosts[0]?.step === "draining");
    // A worker in queue mode: it took the drain command and goes on accepting.
    const epoch = world.host("a").epoch;
    await world
      .host("a")
      .driver.undrain({ sandboxId: "a", deployId: "x", epoch: epoch + 1 }, new AbortController().signal);
    const slot = world.sandbox("a").slots[0];
    if (!slot) throw new Error("no slot");
    slot.state = "reserved";
    for (let n = 0; n < 30; n += 1) await world.tick();
    expect(world.deploy("second").hosts[0]?.step).toBe("draining");
    slot.state = "accepting";
    // Drained again with a newer epoch, since the first drain visibly had no effect.
    await world.until(() => world.deploy("second").state === "completed", 60);
    expect(world.host("a").admitted.filter((one) => one.kind === "drain")).toHaveLength(2);
  });

  it("F08: the drain command follows the cordon, never the other way round", async () => {
    const world = await makeRunningWorld(["a"]);
    world.addDeploy("second", "v2", stopFirst);
    await world.until(() => world.host("a").admitted.some((one) => one.kind === "drain") || isCordoned());
    expect(isCordoned()).toBe(true);
    expect(world.host("a").admitted.some((one) => one.kind === "drain")).toBe(false);
    function isCordoned(): boolean {
      return world.sandbox("a").cordons.some((cordon) => cordon.holderId === "second");
    }
    await world.until(() => world.deploy("second").state === "completed");
  });

  it("F10: a host that only accepted the deploy is not updated, however long it takes", async () => {
    const world = await makeRunningWorld(["a"]);
    world.registry.set("v2", { digest: digestOf("v2"), fetchMs: 200_000 });
    world.addDeploy("second", "v2");
    await world.until(() => world.host("a").health().currentDeploy?.deployId === "second");
    for (let n = 0; n < 100; n += 1) await world.tick();
    expect(world.deploy("second").hosts[0]?.step).toBe("starting");
    expect(world.deploy("second").state).toBe("in_progress");
    await world.until(() => world.deploy("second").state === "completed", 200);
  });

  it("F10: a host whose processes report another digest than the one deployed is failed, not updated", async () => {
    const world = await makeRunningWorld(["a", "b"]);
    world.registry.set("v2", { digest: digestOf("v2"), reports: digestOf("v1") });
    world.addDeploy("second", "v2", { failureAction: "pause" });
    await world.until(() => world.deploy("second").state === "paused");
    expect(world.deploy("second").stateReason).toContain(`runs ${digestOf("v1")}, but ${digestOf("v2")} was deployed`);
    expect(world.deploy("second").hosts[0]?.reportedDigest).toBeNull();
  });

  it("F10: processes that report no digest at all are waited for, not believed", async () => {
    const world = await makeRunningWorld(["a"]);
    world.registry.set("v2", { digest: digestOf("v2"), reports: null });
    world.addDeploy("second", "v2");
    for (let n = 0; n < 60; n += 1) await world.tick();
    expect(world.deploy("second").hosts[0]?.step).toBe("verifying");
    expect(world.deploy("second").waitingOn.join()).toContain("to report their digest");
  });

  it("F11: the way back is the digest of the last COMPLETED release, not a tag and not the newest one tried", async () => {
    const world = await makeRunningWorld(["a", "b"]);
    // The pipeline has just moved `latest` to the bad image; and v2 was tried and aborted, it never completed.
    world.addDeploy("tried", "v2");
    await world.until(() => world.deploy("tried").hosts[0]?.step === "updated");
    world.store.request("tried", { kind: "abort", actor: "op", reason: "" });
    await world.until(() => world.deploy("tried").state === "aborted");
    world.registry.set("latest", { digest: digestOf("v3"), failure: { phase: "verifying", message: "bad" } });
    world.addDeploy("third", "latest");
    await world.until(() => world.deploy("third").state === "rolled_back");
    expect(world.deploy("third").previousDigest).toBe(digestOf("v1"));
    for (const name of ["a", "b"]) {
      expect(world.host(name).health().imageDigest).toBe(digestOf("v1"));
      expect(world.host(name).generations.map((one) => one.imageDigest)).not.toContain(digestOf("v3"));
    }
  });

  it("F16: an abort that comes while a pass is under way is not overwritten by that pass", async () => {
    const world = await makeRunningWorld(["a", "b"]);
    world.addDeploy("second", "v2");
    await world.until(() => world.deploy("second").hosts[0]?.step === "verifying");
    const { store } = world;
    const slow = world.restartEngine({
      load: store.load,
      listOpen: store.listOpen,
      facts: async (deploy) => {
        const facts = await store.facts(deploy);
        store.request("second", { kind: "abort", actor: "olga", reason: "stop it" });
        return facts;
      },
      save: store.save,
    });
    await world.clock.advance(10_000);
    expect(await slow("second", new AbortController().signal)).toEqual({ kind: "lost_race" });
    expect(world.deploy("second").request?.kind).toBe("abort");
    await world.until(() => world.deploy("second").state === "aborted");
  });

  it("F17: a new process takes a deploy over where the old one was killed", async () => {
    const world = await makeRunningWorld(["a", "b"]);
    world.addDeploy("second", "v2");
    await world.until(() => world.deploy("second").hosts[0]?.step === "starting");
    world.reconcile = world.restartEngine();
    await world.until(() => world.deploy("second").state === "completed");
    for (const name of ["a", "b"]) expect(world.sandbox(name).state).toBe("active");
  });

  it("F18: many engines at once start one deploy once and give each host one command at a time", async () => {
    const world = await makeRunningWorld(["a", "b"], { environment: "production" });
    world.addDeploy("second", "v2");
    world.addDeploy("third", "v3");
    const engines = [1, 2, 3, 4].map(() => world.restartEngine());
    world.reconcile = async (id, signal) => {
      const all = await Promise.all(engines.map((engine) => engine(id, signal)));
      const active = [...world.store.deploys.values()].filter((one) => one.state === "in_progress");
      expect(active.length).toBeLessThanOrEqual(1);
      return all[0] ?? { kind: "gone" };
    };
    await world.until(() => world.deploy("third").state === "completed");
    for (const name of ["a", "b"]) {
      expect(world.host(name).generations.map((one) => one.imageTag)).toEqual(["v1", "v2", "v3"]);
      expect(world.host(name).admitted.map((one) => one.kind)).toEqual([
        ...["deploy", "settle"],
        ...["deploy", "settle"],
        ...["deploy", "settle"],
      ]);
    }
  });

  it("F20: a failed host carries the agent's own words, in its row and in the deploy's reason", async () => {
    const message = "the pull of v2 failed: blob sha256:ab12 is 404 at the registry. Nothing on this host was changed.";
    const world = await makeRunningWorld(["a", "b"]);
    world.registry.set("v2", { digest: digestOf("v2"), failure: { phase: "fetching", message } });
    world.addDeploy("second", "v2", { failureAction: "pause" });
    await world.until(() => world.deploy("second").state === "paused");
    for (let n = 0; n < 10; n += 1) await world.tick();
    expect(world.deploy("second").hosts[0]?.reason).toBe(message);
    expect(world.deploy("second").stateReason).toBe(`a: ${message}`);
    expect(world.store.decisions.some((one) => one.decision.summary.includes(message))).toBe(true);
  });

  it("F23: a cold start of 45 s is within the default health deadline", async () => {
    const world = await makeRunningWorld(["a"]);
    world.registry.set("v2", { digest: digestOf("v2"), fetchMs: 1000, bootMs: 45_000 });
    world.addDeploy("second", "v2");
    await world.until(() => world.deploy("second").state === "completed");
    expect(world.deploy("second").hosts[0]?.step).toBe("updated");
  });

  it("F23: a fetch that takes long does not eat the health deadline", async () => {
    const world = await makeRunningWorld(["a"]);
    world.registry.set("v2", { digest: digestOf("v2"), fetchMs: 300_000, bootMs: 45_000 });
    world.addDeploy("second", "v2");
    await world.until(() => world.deploy("second").state === "completed");
  });

  it("F24: a newer deploy lets a host in the middle of its procedure settle before it takes over", async () => {
    const world = await makeRunningWorld(["a", "b"]);
    world.registry.set("v2", { digest: digestOf("v2"), fetchMs: 1000, bootMs: 20_000 });
    world.addDeploy("second", "v2");
    await world.until(() => world.host("a").generations.some((one) => one.state === "starting"));
    world.addDeploy("third", "v3");
    await world.tick();
    await world.tick();
    expect(world.deploy("second").state).toBe("in_progress");
    expect(world.deploy("second").waitingOn.join()).toContain("a to settle before deploy third takes over");
    expect(world.deploy("third").waitingOn).toEqual(["deploy second to end or give way"]);
    await world.until(() => world.deploy("second").state === "superseded");
    expect(world.deploy("second").hosts.map((host) => host.step)).toEqual(["updated", "skipped"]);
    await world.until(() => world.deploy("third").state === "completed");
  });

  it("F28: a host that is away at the start is skipped with the reason, and takes its turn when it returns in time", async () => {
    const world = await makeRunningWorld(["a", "b", "c"]);
    world.cutOff("b", true);
    world.sandbox("b").unreachableSince = 0;
    world.addDeploy("second", "v2");
    await world.until(() => world.deploy("second").hosts[0]?.step === "updated");
    expect(world.deploy("second").hosts[1]).toMatchObject({ step: "skipped", engine: { absent: true } });
    expect(world.deploy("second").hosts[1]?.reason).toContain("unreachable");
    world.comeBack("b");
    await world.until(() => world.deploy("second").state === "completed");
    expect(world.deploy("second").hosts[1]?.reportedDigest).toBe(digestOf("v2"));
  });

  it("F28: once a deploy completed without it, an absent host's old release is no longer allowed any work", async () => {
    const world = await makeRunningWorld(["a", "b"]);
    world.cutOff("b", true);
    world.sandbox("b").unreachableSince = 0;
    world.addDeploy("second", "v2");
    await world.until(() => world.deploy("second").state === "completed");
    expect([...world.store.allowed]).toEqual([digestOf("v2")]);
    world.comeBack("b");
    expect(world.store.allowed.has(world.host("b").health().imageDigest ?? "")).toBe(false);
  });

  it("F28: a deploy limited to the returned host converges it, and leaves the others alone", async () => {
    const world = await makeRunningWorld(["a", "b"]);
    world.cutOff("b", true);
    world.sandbox("b").unreachableSince = 0;
    world.addDeploy("second", "v2");
    await world.until(() => world.deploy("second").state === "completed");
    world.comeBack("b");
    const before = world.host("a").admitted.length;
    world.addDeploy("converge", "v2", {}, { sandboxIds: ["b"], imageDigest: digestOf("v2") });
    await world.until(() => world.deploy("converge").state === "completed");
    expect(world.host("b").health().imageDigest).toBe(digestOf("v2"));
    expect(world.host("a").admitted).toHaveLength(before);
  });
});

describe("a tag that moves", () => {
  it("fails the host that resolves it to another digest than the pinned one", async () => {
    const world = await makeRunningWorld(["a", "b"]);
    world.addDeploy("second", "v2");
    await world.until(() => world.deploy("second").imageDigest !== null);
    world.registry.set("v2", { digest: digestOf("v3") });
    await world.until(() => world.deploy("second").state === "rolled_back");
    expect(world.deploy("second").stateReason).toContain("moved");
  });
});

describe("decide", () => {
  it("changes neither its input nor its answer", async () => {
    const world = makeWorld(["a"]);
    world.addDeploy("first", "v1", defaultKnobs());
    const deploy = Object.freeze(world.deploy("first"));
    const facts = await world.store.facts(deploy);
    const observations = {
      environment: facts.environment,
      sandboxes: facts.sandboxes.map((one) => ({
        kind: "seen" as const,
        health: world.host("a").health(),
        refusal: null,
        facts: one,
      })),
    };
    const before = structuredClone({ deploy, observations });
    const first = decide(deploy, observations, 1);
    expect(decide(deploy, observations, 1)).toEqual(first);
    expect({ deploy, observations }).toEqual(before);
    expect(first.next.state).toBe("in_progress");
  });
});
