import { describe, expect, it } from "vitest";
import { makeLease } from "./lease.ts";

const first = { fence: 4, lease_id: "lease-4", renewed_wall_ms: 1_000, renewed_mono_ms: 500, lease_ms: 4_000 };

function at(wallMs: number, monoMs: number) {
  const now = { wallMs, monoMs };
  return { now, lease: makeLease(first, { wallMs: () => now.wallMs, monoMs: () => now.monoMs }) };
}

describe("a lease", () => {
  it("is past three quarters after the send time, by whichever clock says so first", () => {
    expect(at(3_999, 3_499).lease.isPastDeadline()).toBe(false);
    expect(at(4_000, 600).lease.isPastDeadline()).toBe(true);
    expect(at(1_100, 3_500).lease.isPastDeadline()).toBe(true);
  });

  it("is not made younger by a wall clock that was set back", () => {
    expect(at(0, 3_500).lease.isPastDeadline()).toBe(true);
    expect(at(0, 3_499).lease.remainingMs()).toBe(1);
  });

  it("takes a renewal of its own attempt only, and none that is older", () => {
    const { now, lease } = at(4_500, 4_000);
    const renewal = { ...first, renewed_wall_ms: 4_400, renewed_mono_ms: 3_900 };
    expect(lease.renew({ ...renewal, fence: 5 })).toBe(false);
    expect(lease.renew({ ...renewal, lease_id: "lease-5" })).toBe(false);
    expect(lease.renew({ ...renewal, renewed_mono_ms: 499 })).toBe(false);
    expect(lease.isPastDeadline()).toBe(true);
    expect(lease.renew(renewal)).toBe(true);
    expect(lease.isPastDeadline()).toBe(false);
    expect(lease.deadline()).toEqual({ wallMs: 7_400, monoMs: 6_900 });
    now.monoMs = 6_900;
    expect(lease.isPastDeadline()).toBe(true);
  });
});
