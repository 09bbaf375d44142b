import { type FreezeWindow, freezeWindowSchema } from "@valet/contracts";
import { describe, expect, it } from "vitest";
import { freezeAt, freezeText } from "./freeze.ts";

const at = (text: string) => Date.parse(text);
const windowOf = (input: object): FreezeWindow => freezeWindowSchema.parse(input);
const weekend = windowOf({
  name: "weekend",
  days: ["fri", "sat"],
  from: "18:00",
  to: "06:00",
  timezone: "Europe/Berlin",
});
const untilOf = (windows: FreezeWindow[], text: string) => {
  const until = freezeAt(windows, at(text))?.until;
  return typeof until === "number" ? new Date(until).toISOString() : until;
};

describe("a window that happens once", () => {
  const launch = windowOf({ name: "launch", from: "2026-11-27T08:00:00+01:00", to: "2026-11-30T08:00:00+01:00" });

  it("holds from its first moment until before its last", () => {
    expect(freezeAt([launch], at("2026-11-27T06:59:59.999Z"))).toBeNull();
    expect(freezeAt([launch], at("2026-11-27T07:00:00Z"))).toEqual({
      name: "launch",
      until: at("2026-11-30T07:00:00Z"),
      pauses: false,
    });
    expect(freezeAt([launch], at("2026-11-30T06:59:59.999Z"))).not.toBeNull();
    expect(freezeAt([launch], at("2026-11-30T07:00:00Z"))).toBeNull();
  });

  it("is told with its end", () => {
    const freeze = freezeAt([launch], at("2026-11-28T00:00:00Z"));
    expect(freeze && freezeText(freeze)).toBe('freeze "launch" until 2026-11-30T07:00:00.000Z');
  });
});

describe("a window that comes every week", () => {
  it.each([
    ["Friday before it begins", "2026-11-27T16:59:59Z", undefined],
    ["Friday evening", "2026-11-27T17:00:00Z", "2026-11-28T05:00:00.000Z"],
    ["after midnight", "2026-11-28T02:00:00Z", "2026-11-28T05:00:00.000Z"],
    ["Saturday by day", "2026-11-28T05:00:00Z", undefined],
    ["Saturday night", "2026-11-28T23:30:00Z", "2026-11-29T05:00:00.000Z"],
    ["Sunday morning, when it is over", "2026-11-29T05:00:00Z", undefined],
    ["Sunday night: it does not begin on Sundays", "2026-11-29T20:00:00Z", undefined],
    ["Friday after midnight: it did not begin on Thursday", "2026-11-27T02:00:00Z", undefined],
  ])("is right on %s", (_, now, until) => expect(untilOf([weekend], now)).toBe(until));

  it("keeps to the wall clock of its zone when clocks go back", () => {
    // Berlin leaves summer time on Sunday 25 October 2026: 06:00 is 05:00 UTC by then, and the window is 13 hours long.
    expect(untilOf([weekend], "2026-10-24T16:00:00Z")).toBe("2026-10-25T05:00:00.000Z");
    expect(untilOf([weekend], "2026-10-25T04:30:00Z")).toBe("2026-10-25T05:00:00.000Z");
  });

  it("keeps to the wall clock of its zone when clocks go forward", () => {
    expect(untilOf([weekend], "2026-03-28T17:00:00Z")).toBe("2026-03-29T04:00:00.000Z");
    expect(untilOf([weekend], "2026-03-29T04:00:00Z")).toBeUndefined();
  });

  it("is rather too long than too short where its end comes twice or never", () => {
    const night = windowOf({ name: "n", days: ["sat"], from: "20:00", to: "02:30", timezone: "Europe/Berlin" });
    expect(untilOf([night], "2026-10-24T19:00:00Z")).toBe("2026-10-25T01:30:00.000Z");
    expect(untilOf([night], "2026-03-28T20:00:00Z")).toBe("2026-03-29T01:30:00.000Z");
    const early = windowOf({ name: "e", days: ["sun"], from: "02:30", to: "04:00", timezone: "Europe/Berlin" });
    expect(untilOf([early], "2026-03-29T00:45:00Z")).toBe("2026-03-29T02:00:00.000Z");
    expect(untilOf([early], "2026-10-25T00:45:00Z")).toBe("2026-10-25T03:00:00.000Z");
  });

  it.each([
    ["Pacific/Kiritimati", "2026-11-27T04:00:00Z"],
    ["America/Los_Angeles", "2026-11-28T02:00:00Z"],
    ["Asia/Kathmandu", "2026-11-27T12:15:00Z"],
    ["UTC", "2026-11-27T18:00:00Z"],
  ])("begins at 18:00 in %s", (timezone, begin) => {
    const zoned = windowOf({ name: "w", days: ["fri"], from: "18:00", to: "19:00", timezone });
    expect(freezeAt([zoned], at(begin) - 1)).toBeNull();
    expect(freezeAt([zoned], at(begin))?.until).toBe(at(begin) + 3_600_000);
  });

  it("lasts a whole day when it ends at the time it begins", () => {
    const day = windowOf({ name: "day", days: ["wed"], from: "00:00", to: "00:00" });
    expect(untilOf([day], "2026-11-25T12:00:00Z")).toBe("2026-11-26T00:00:00.000Z");
  });
});

describe("several windows", () => {
  const holidays = windowOf({
    name: "holidays",
    from: "2026-11-28T04:00:00Z",
    to: "2026-11-28T18:00:00Z",
    pauses: true,
  });

  it("that overlap or touch are one freeze, named by the first that holds", () => {
    expect(freezeAt([weekend, holidays], at("2026-11-27T20:00:00Z"))).toEqual({
      name: "weekend",
      until: at("2026-11-29T05:00:00Z"),
      pauses: false,
    });
  });

  it("pause a deploy under way while one that says so holds", () => {
    expect(freezeAt([weekend, holidays], at("2026-11-28T04:30:00Z"))).toMatchObject({ name: "weekend", pauses: true });
    expect(freezeAt([holidays], at("2026-11-28T04:30:00Z"))?.pauses).toBe(true);
  });

  it("that never end are told as such", () => {
    const always = windowOf({
      name: "always",
      days: ["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
      from: "00:00",
      to: "00:00",
    });
    const freeze = freezeAt([always], at("2026-11-28T04:30:00Z"));
    expect(freeze?.until).toBeNull();
    expect(freeze && freezeText(freeze)).toContain("longer than a year");
  });

  it("are none when there are none", () => expect(freezeAt([], 0)).toBeNull());

  it("agree with asking hour by hour, through a year with both changes of the clock", () => {
    let frozen = 0;
    let expectedEnd: number | null = null;
    for (let now = at("2026-01-01T00:00:00Z"); now < at("2027-01-01T00:00:00Z"); now += 60 * 60_000) {
      const freeze = freezeAt([weekend], now);
      if (expectedEnd !== null && now < expectedEnd) expect(freeze?.until).toBe(expectedEnd);
      if (expectedEnd !== null && now >= expectedEnd)
        expect(freeze === null || freeze.until !== expectedEnd).toBe(true);
      expectedEnd = freeze?.until ?? null;
      if (freeze) frozen += 1;
    }
    // 104 nights (Fridays and Saturdays of 2026) of 12 h; one of them an hour longer, one an hour shorter.
    expect(frozen).toBe(104 * 12);
  });
});
