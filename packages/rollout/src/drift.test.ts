import type { AgentHealth } from "@valet/contracts";
import { makeFakeClock } from "@valet/shared";
import { describe, expect, it } from "vitest";
import { makeFakeHost, type FakeRelease } from "./drivers/fake-host.ts";
import { driftOf } from "./drift.ts";
import { digestOf } from "./testing/world.ts";

const [v1, v2] = [digestOf("v1"), digestOf("v2")];

function hostWith(...tags: string[]) {
  const registry = new Map<string, FakeRelease>([
    ["v1", { digest: v1 }],
    ["v2", { digest: v2 }],
  ]);
  const host = makeFakeHost("a", { clock: makeFakeClock(), registry });
  for (const tag of tags) host.install(tag);
  return host;
}

describe("driftOf", () => {
  it("is none for a host whose target generation runs an allowed release", () => {
    expect(driftOf(hostWith("v2").health(), 1, [v2])).toEqual({ kind: "none" });
  });

  it("F28: a host that comes back on a release that is no longer allowed is to be converged", () => {
    const drift = driftOf(hostWith("v1").health(), 1, [v2]);
    expect(drift).toMatchObject({ kind: "converge" });
    expect(drift.kind === "converge" && drift.reason).toContain("v1");
  });

  it("a host without any release is to be converged, but not while nothing has ever been deployed", () => {
    expect(driftOf(hostWith().health(), null, [v2])).toMatchObject({ kind: "converge" });
    expect(driftOf(hostWith().health(), null, [])).toEqual({ kind: "none" });
  });

  it("sound and allowed under another generation: only the target is wrong", () => {
    expect(driftOf(hostWith("v1", "v2").health(), 1, [v2])).toEqual({ kind: "retarget", generation: 2 });
  });

  it("a share of slots that a canary left behind is given back to all slots", () => {
    expect(driftOf(hostWith("v1", "v2").health(), 2, [v1, v2], 1)).toEqual({ kind: "retarget", generation: 2 });
    expect(driftOf(hostWith("v1", "v2").health(), 2, [v1, v2], null)).toEqual({ kind: "none" });
  });

  it("leaves a host alone while a procedure runs there, and a release that was put there by hand", () => {
    const health: AgentHealth = hostWith("v1").health();
    const deploy = {
      ...{ deployId: "x", epoch: 1, imageTag: "v1", imageDigest: v1, order: "stop-first" as const, generation: 1 },
      ...{ phase: "serving" as const, message: "", startedAt: "", endedAt: null, pinned: true, timings: {} },
    };
    expect(driftOf({ ...health, currentDeploy: deploy }, 1, [v2])).toEqual({ kind: "none" });
    expect(driftOf({ ...health, currentDeploy: { ...deploy, endedAt: "2026" } }, 1, [v2])).toEqual({
      kind: "pinned",
      imageTag: "v1",
    });
  });

  it("an allowed release that is not healthy is trouble, not drift", () => {
    const health = hostWith("v2").health();
    for (const one of health.generations) one.healthy = false;
    expect(driftOf(health, 1, [v2])).toMatchObject({ kind: "unsound" });
  });
});
