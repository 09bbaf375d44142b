import { describe, expect, it } from "vitest";
import { digestOf, makeRunningWorld, makeWorld } from "./testing/world.ts";

const three = ["a", "b", "c"];

describe("a rolling deploy", () => {
  it("completes a first deploy and takes everything to the new release, one host at a time", async () => {
    const world = makeWorld(three);
    world.addDeploy("first", "v1");
    await world.until(() => world.deploy("first").state === "completed");
    expect(world.deploy("first").imageDigest).toBe(digestOf("v1"));
    expect(world.deploy("first").hosts.map((host) => host.reportedDigest)).toEqual(three.map(() => digestOf("v1")));
    expect([...world.store.allowed]).toEqual([digestOf("v1")]);
    expect(three.map((name) => world.sandbox(name).state)).toEqual(["active", "active", "active"]);
  });
});

describe("start-first", () => {
  it("rolls v2 over v1", async () => {
    const world = await makeRunningWorld(three);
    world.addDeploy("second", "v2");
    await world.until(() => world.deploy("second").state === "completed");
    expect([...world.store.allowed]).toEqual([digestOf("v2")]);
  });
});
