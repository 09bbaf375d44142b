import { expect, it } from "vitest";
import { countUnacknowledged } from "./quarantine.ts";

it("three unacknowledged assignments in a row quarantine, and the count starts anew", () => {
  expect(countUnacknowledged(0, 2)).toEqual({ inARow: 2, quarantines: false });
  expect(countUnacknowledged(2, 1)).toEqual({ inARow: 0, quarantines: true });
  expect(countUnacknowledged(0, 5)).toEqual({ inARow: 0, quarantines: true });
});
