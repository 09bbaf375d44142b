import { expect, it } from "vitest";
import { durationText, relativeTime } from "./relative-time.ts";

it.each([
  [0, "0ms"],
  [850, "850ms"],
  [1000, "1s"],
  [59_999, "59s"],
  [185_000, "3m 5s"],
  [3_600_000, "1h"],
  [187_200_000, "2d 4h"],
])("%i ms is %s", (ms, text) => {
  expect(durationText(ms)).toBe(text);
});

it.each([
  [0, "just now"],
  [-12_000, "12s ago"],
  [-7_300_000, "2h ago"],
  [300_000, "in 5m"],
])("%i ms from now is %s", (ms, text) => {
  const nowMs = Date.parse("2026-03-01T12:00:00Z");
  expect(relativeTime(new Date(nowMs + ms).toISOString(), nowMs)).toBe(text);
});

it("a time that is not known is -", () => {
  expect(relativeTime(null, 0)).toBe("-");
});
