import { describe, expect, it } from "vitest";
import { promises, type Summary } from "./summary.ts";

const kept: Summary = {
  tasksSubmitted: 32,
  tasksCompleted: 32,
  tasksNeedReview: 0,
  tasksLost: 0,
  tasksRunTwice: 0,
  submissionsCounted: 27,
  submissionsExpected: 27,
  minCapacityPct: 100,
  newWorkOnNewVersionMs: 27_000,
  lastOldTaskEndedMs: 49_000,
  newWorkOnOldVersion: 0,
  goodDeploy: "completed",
  rollbacks: 1,
  hostsTouchedByBadRelease: 1,
  controlPlaneRssMb: 200,
  startupMs: 4_000,
};
const brokenOf = (change: Partial<Summary>): string[] =>
  promises({ ...kept, ...change })
    .filter(({ held }) => !held)
    .map(({ text }) => text);

describe("the story's promises", () => {
  it("are all held when the numbers are as they should be", () => {
    expect(brokenOf({})).toEqual([]);
    expect(promises(kept).length).toBeGreaterThanOrEqual(10);
  });

  it.each([
    [{ tasksLost: 1 }, "no task lost (1)"],
    [{ tasksRunTwice: 2 }, "no task run twice (2)"],
    [{ tasksNeedReview: 1 }, "no task left in doubt (1)"],
    [{ submissionsCounted: 28 }, "every task that submits submitted once (28 of 27)"],
    [{ submissionsCounted: 26 }, "every task that submits submitted once (26 of 27)"],
    [{ tasksCompleted: 31 }, "every task completed (31 of 32)"],
    [{ minCapacityPct: 99 }, "capacity never dipped (lowest 99 %)"],
    [{ newWorkOnOldVersion: 1 }, "an updated host took no new work on its old version (1)"],
    [{ goodDeploy: "rolled_back" }, "the good release reached every host (rolled_back)"],
    [{ rollbacks: 0 }, "the bad release was rolled back (0)"],
    [{ hostsTouchedByBadRelease: 2 }, "the bad release touched one host only (2)"],
  ] satisfies [Partial<Summary>, string][])("%j breaks one of them, and says which", (change, text) => {
    expect(brokenOf(change)).toEqual([text]);
  });
});
