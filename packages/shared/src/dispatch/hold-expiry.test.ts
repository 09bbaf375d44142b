import { describe, expect, it } from "vitest";
import { leasesToGiveUp, reasonToHold } from "./hold-expiry.ts";

const present = { isApiAway: false, isControlAway: false, isInGrace: false };

describe("leases that ran out", () => {
  it("are given up while the control plane is there and only few ran out", () => {
    expect(reasonToHold({ ...present, count: 2, open: 2 })).toBeUndefined();
    expect(reasonToHold({ ...present, count: 3, open: 10 })).toBeUndefined();
  });

  it("F59: are held when more than 30 %, and three or more, ran out together", () => {
    expect(reasonToHold({ ...present, count: 3, open: 9 })).toBe("mass_expiry");
  });

  it("F59: are held while the control plane was away, or is only just back", () => {
    expect(reasonToHold({ ...present, isApiAway: true, count: 1, open: 9 })).toBe("api_away");
    expect(reasonToHold({ ...present, isControlAway: true, count: 1, open: 9 })).toBe("control_away");
    expect(reasonToHold({ ...present, isInGrace: true, count: 1, open: 9 })).toBe("grace");
  });

  it("of a mass are given up after one more lease, since their hosts are gone", () => {
    const leases = [{ isLongGone: true }, { isLongGone: false }];
    expect(leasesToGiveUp(leases, "mass_expiry")).toEqual([{ isLongGone: true }]);
    expect(leasesToGiveUp(leases, "grace")).toEqual([]);
    expect(leasesToGiveUp(leases, undefined)).toEqual(leases);
  });
});
