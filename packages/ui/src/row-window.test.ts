import { describe, expect, it } from "vitest";
import { rangeOf } from "./row-window.ts";

const equal = () => 40;

describe("rangeOf", () => {
  it("covers the screen, and the space of all rows stays the same wherever one scrolls", () => {
    for (let topPx = 0; topPx <= 40_000; topPx += 333) {
      const range = rangeOf(equal, 1_000, topPx, topPx + 800, 5);
      const drawnPx = (range.last - range.first) * 40;
      expect(range.beforePx + drawnPx + range.afterPx).toBe(40_000);
      expect(range.beforePx).toBeLessThanOrEqual(Math.min(topPx, 40_000 - 40));
      expect(range.last - range.first).toBeLessThanOrEqual(32);
    }
  });

  it("follows rows of different heights", () => {
    const range = rangeOf((row) => (row === 0 ? 500 : 20), 100, 510, 560, 0);
    expect(range).toEqual({ first: 1, last: 4, beforePx: 500, afterPx: 96 * 20 });
  });

  it("draws everything of a short list and nothing of an empty one", () => {
    expect(rangeOf(equal, 3, 0, 800, 10)).toEqual({ first: 0, last: 3, beforePx: 0, afterPx: 0 });
    expect(rangeOf(equal, 0, 0, 800, 10)).toEqual({ first: 0, last: 0, beforePx: 0, afterPx: 0 });
  });
});
