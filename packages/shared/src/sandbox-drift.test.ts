import { describe, expect, it } from "vitest";
import { driftHolder, driftReason, pinnedReason, pinnedTag } from "./sandbox-drift.ts";

describe("what is told of a sandbox outside any deploy", () => {
  it("a pin is read back from the reason it was written into, while the sandbox is active", () => {
    expect(pinnedTag("active", pinnedReason("v3"))).toBe("v3");
    expect(pinnedTag("deploying", pinnedReason("v3"))).toBeNull();
    expect(pinnedTag("active", "its agent and its session answer")).toBeNull();
  });

  it("drift is what the cordon held for it says, and nobody else's cordon", () => {
    const other = { holderKind: "operator", holderId: "drift", reason: "kernel update" };
    expect(driftReason([other])).toBeNull();
    expect(driftReason([other, { ...driftHolder, reason: "it runs v1" }])).toBe("it runs v1");
  });
});
