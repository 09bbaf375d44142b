import type { RolloutKnobs } from "@valet/shared";
import { describe, expect, it } from "vitest";
import { makeRunningWorld, makeWorld, type World } from "./testing/world.ts";

const canary = (...hosts: (number | `${number}%`)[]): Partial<RolloutKnobs> => ({
  strategy: "canary",
  canarySteps: hosts.map((count) => ({ hosts: count, taskSharePct: 100, bakeMs: 1000 })),
});

async function refusal(world: World, knobs: Partial<RolloutKnobs>): Promise<string> {
  const allowed = [...world.store.allowed];
  world.addDeploy("second", "v2", knobs);
  await world.until(() => world.deploy("second").state === "failed", 3);
  expect(world.deploy("second")).toMatchObject({ hosts: [], startedAt: null });
  expect([...world.store.allowed]).toEqual(allowed);
  for (const host of world.hosts.values()) expect(host.admitted.filter((one) => one.epoch > 2)).toEqual([]);
  return world.deploy("second").stateReason;
}

describe("a deploy that is impossible here says why, and changes nothing", () => {
  it.each<[string, Partial<RolloutKnobs>, string]>([
    ["a canary larger than the fleet", canary(4), "canarySteps[0].hosts is 4, but staging has 3 sandboxes"],
    ["steps that shrink", canary(2, 1), "canarySteps[1] reaches no further than the step before it (2 hosts"],
    ["steps that stand still", canary("50%", "50%"), "steps must grow"],
    ["no steps", { strategy: "canary", canarySteps: [] }, "needs at least one of canarySteps"],
  ])("%s", async (_name, knobs, text) => {
    expect(await refusal(await makeRunningWorld(["a", "b", "c"]), knobs)).toContain(text);
  });

  it("shares of a small fleet that round to the same hosts are two bakes, not an error", async () => {
    const world = await makeRunningWorld(["a", "b", "c"]);
    world.addDeploy("second", "v2", { ...canary("10%", "20%"), analyse: false });
    await world.until(() => world.deploy("second").state === "completed");
  });

  it("a share of tasks where a host runs one release at a time", async () => {
    const world = await makeRunningWorld(["a", "b", "c"]);
    const canarySteps = [{ hosts: 1, taskSharePct: 50, bakeMs: 0 }];
    const text = await refusal(world, { strategy: "canary", canarySteps, mayOverlap: false, maxUnavailable: 1 });
    expect(text).toContain("canarySteps[0].taskSharePct is 50, but a stop-first host runs one release at a time");
  });

  it("an empty fleet", async () => {
    expect(await refusal(makeWorld([]), {})).toBe("nothing was changed: staging has no sandbox");
  });

  it("every host unreachable, and once they are back retry begins it", async () => {
    const world = await makeRunningWorld(["a", "b"]);
    for (const name of ["a", "b"]) {
      world.cutOff(name, true);
      world.sandbox(name).unreachableSince = 0;
    }
    expect(await refusal(world, {})).toContain("no host of staging can be reached: a, b; a is unreachable");
    world.store.request("second", { kind: "retry", actor: "olga" });
    await world.tick();
    expect(world.deploy("second").state).toBe("failed");
    for (const name of ["a", "b"]) world.comeBack(name);
    world.store.request("second", { kind: "retry", actor: "olga" });
    await world.until(() => world.deploy("second").state === "completed");
  });
});
