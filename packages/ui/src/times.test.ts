import { expect, it } from "vitest";
import { ageWords, clockWords, durationWords } from "./times.ts";

it("says durations in at most two units", () => {
  expect([0, 620, 4_250, 59_400, 61_000, 3_600_000, 200_000_000].map(durationWords)).toEqual([
    "0 ms",
    "620 ms",
    "4.3 s",
    "59 s",
    "1 min 01 s",
    "1 h 00 min",
    "2 d 7 h",
  ]);
});

it("says ages coarsely", () => {
  expect([0, 5_900, 90_000, 7_200_000, 200_000_000].map(ageWords)).toEqual([
    "just now",
    "5 s ago",
    "1 min ago",
    "2 h ago",
    "2 d ago",
  ]);
});

it("says the day only when it is another one", () => {
  const now = new Date(2026, 2, 1, 15, 0, 0);
  expect(clockWords(new Date(2026, 2, 1, 9, 5, 7), now)).toMatch(/^\D*9:05:07$|^09:05:07$/);
  expect(clockWords(new Date(2026, 1, 27, 9, 5, 7), now)).toContain("27");
});
