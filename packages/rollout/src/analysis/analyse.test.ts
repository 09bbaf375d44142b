import { describe, expect, it } from "vitest";
import { armOf } from "../testing/attempts.ts";
import { analyse } from "./analyse.ts";
import type { Look } from "./analyse.ts";
import { analysisConfigSchema, analysisResultSchema, defaultAnalysisConfig } from "./model.ts";
import type { AnalysisArm, AnalysisConfig, AnalysisResult } from "./model.ts";

const last: Look = { number: 3, looksDone: 2, at: 1_000, isDeadline: false, again: null };

const judge = (
  canary: AnalysisArm,
  control: AnalysisArm,
  look: Partial<Look> = {},
  config: AnalysisConfig = defaultAnalysisConfig,
): AnalysisResult => analyse({ canary, control }, config, { ...last, ...look });

describe("one look at canary and control", () => {
  it("is a success when neither metric is worse, and keeps the numbers", () => {
    const result = judge(armOf(1, 20), armOf(1, 20));
    expect(result).toMatchObject({ verdict: "successful", final: true, look: 3, looksTotal: 3, startedUntil: 100_000 });
    expect(result.metrics[0]).toMatchObject({ canary: { n: 20, bad: 1 }, control: { n: 20, bad: 1 }, test: "fisher" });
    expect(result.metrics[0]?.alphaSpent).toBeCloseTo(0.028, 10);
    expect(analysisResultSchema.parse(JSON.parse(JSON.stringify(result)))).toEqual(result);
  });

  it("fails half bad against one of twenty, and says so in one sentence", () => {
    const result = judge(armOf(10, 20), armOf(1, 20));
    expect(result).toMatchObject({ verdict: "failed", final: true });
    expect(result.reason).toBe(
      "10 of 20 failed, against 1 of 20 on the release before: more than chance explains (p 0.0017).",
    );
  });

  it("does not hold a better release against it", () => {
    expect(judge(armOf(0, 20), armOf(9, 20)).verdict).toBe("successful");
  });

  it("goes on after an early look that does not fail it, whatever that looks like", () => {
    const early = { number: 1, looksDone: 0 };
    expect(judge(armOf(0, 5), armOf(0, 5), early)).toMatchObject({ verdict: "inconclusive", final: false });
    expect(judge(armOf(3, 5), armOf(0, 5), early)).toMatchObject({ verdict: "inconclusive", final: false });
    expect(judge(armOf(5, 5), armOf(0, 5), early)).toMatchObject({ verdict: "failed", final: true });
  });

  it("gives the share of looks that were left out to the next one", () => {
    expect(judge(armOf(0, 20), armOf(0, 20), { looksDone: 0 }).metrics[0]?.alphaSpent).toBeCloseTo(0.04, 10);
  });

  it("first 5: no data never passes: an empty arm is an error at every look, whatever the other one says", () => {
    for (const [canary, control] of [
      [armOf(0, 0), armOf(0, 20)],
      [armOf(0, 20), armOf(0, 0)],
      [armOf(0, 0), armOf(0, 0)],
      [armOf(0, 0, { running: 9 }), armOf(0, 20)],
      [armOf(0, 20), armOf(0, 0, { running: 9 })],
    ] as const) {
      expect(judge(canary, control)).toMatchObject({ verdict: "error", final: true });
      expect(judge(canary, control, { number: 1, looksDone: 0 })).toMatchObject({ verdict: "error", final: false });
    }
  });

  it("is an error when one metric has nothing to say, although the others pass", () => {
    const config = analysisConfigSchema.parse({
      metrics: { durationMs: null, points: [{ name: "latency", share: 0.2 }] },
    });
    const withPoints = (count: number): AnalysisArm => ({ ...armOf(0, 20), points: { latency: Array(count).fill(1) } });
    expect(judge(withPoints(10), withPoints(10), {}, config).verdict).toBe("successful");
    expect(judge(withPoints(0), withPoints(10), {}, config).verdict).toBe("error");
    expect(judge(withPoints(10), armOf(0, 20), {}, config).verdict).toBe("error");
    expect(judge(withPoints(9), withPoints(10), {}, config).verdict).toBe("inconclusive");
  });

  it("is inconclusive when there is no control to compare with, and says why", () => {
    for (const absent of ["no_previous_release", "same_release", "no_host_left"] as const) {
      const result = analyse({ canary: armOf(0, 50), control: { absent } }, defaultAnalysisConfig, last);
      expect(result).toMatchObject({ verdict: "inconclusive", final: true, metrics: [] });
    }
  });

  it("is inconclusive below the minimum sample, in either arm", () => {
    expect(judge(armOf(0, 19), armOf(0, 200)).verdict).toBe("inconclusive");
    expect(judge(armOf(0, 20), armOf(0, 19)).verdict).toBe("inconclusive");
  });
});

describe("first 5: the cases that fool threshold tools", () => {
  const points = (values: number[]): AnalysisArm => ({ ...armOf(0, 20), points: { errors: values } });
  const config = analysisConfigSchema.parse({
    metrics: { failureRate: null, durationMs: null, points: [{ name: "errors", share: 0.2 }] },
  });

  it("7 of 10 points at 100 against 1 do not pass: the rank test fails them", () => {
    const result = judge(points([100, 1, 100, 100, 1, 100, 100, 1, 100, 100]), points(Array(10).fill(1)), {}, config);
    expect(result.verdict).toBe("failed");
    expect(result.metrics[0]).toMatchObject({ canary: { n: 10, median: 100 }, control: { n: 10, median: 1 } });
    expect(result.metrics[0]?.pValue).toBeCloseTo(120 / 77_520, 12);
    // The same as durations, at the second look already.
    const slow = armOf(0, 10);
    slow.attempts = slow.attempts.map((one, index) => ({ ...one, durationMs: index < 7 ? 100 : 1 }));
    const quick = { ...slow, attempts: slow.attempts.map((one) => ({ ...one, durationMs: 1 })) };
    expect(judge(slow, quick, { number: 2, looksDone: 1 }).verdict).toBe("failed");
    // Where lower is worse, it is the other arm that is worse.
    const lower = analysisConfigSchema.parse({
      metrics: { failureRate: null, durationMs: null, points: [{ name: "errors", share: 0.2, worse: "lower" }] },
    });
    const low = judge(points(Array(10).fill(1)), points([100, 1, 100, 100, 1, 100, 100, 1, 100, 100]), {}, lower);
    expect(low).toMatchObject({ verdict: "failed", metrics: [{ canary: { median: 1 }, control: { median: 100 } }] });
  });

  it("sparse errors neither pass nor abort: 1 of 3 against 0 of 200, 2 of 1,000 against 0 of 1,000, 1 of 20 against 0 of 200", () => {
    const deadline = { isDeadline: true, looksDone: 0 };
    expect(judge(armOf(1, 3), armOf(0, 200), deadline)).toMatchObject({ verdict: "inconclusive", final: true });
    expect(judge(armOf(2, 1_000), armOf(0, 1_000)).verdict).toBe("inconclusive");
    expect(judge(armOf(1, 20), armOf(0, 200)).verdict).toBe("inconclusive");
    // Certain, but two in a thousand is within what is put up with; still new, so still not passed.
    expect(judge(armOf(2, 1_000), armOf(0, 20_000)).verdict).toBe("inconclusive");
    // One of twenty against none of twenty is a coin's throw, and is said with the numbers.
    const one = judge(armOf(1, 20), armOf(0, 20));
    expect(one.verdict).toBe("successful");
    expect(one.reason).toContain("1 of 20 failed, against 0 of 20");
    // Two of twenty where a thousand show none is no chance.
    expect(judge(armOf(2, 20), armOf(0, 1_000)).verdict).toBe("failed");
  });

  it("sparse errors in points: a control that never moves, and two points that do", () => {
    const quiet = Array<number>(10).fill(0);
    expect(judge(points([...quiet.slice(2), 5, 8]), points(quiet), {}, config).verdict).toBe("inconclusive");
    expect(judge(points(quiet), points(quiet), {}, config).verdict).toBe("successful");
    expect(judge(points([Number.NaN, ...quiet]), points(quiet), {}, config).verdict).toBe("successful");
    expect(judge(points(Array(10).fill(Number.NaN)), points(quiet), {}, config).verdict).toBe("error");
  });

  it("a difference that matters to nobody is put up with, however certain it is", () => {
    expect(judge(armOf(150, 20_000), armOf(100, 20_000)).verdict).toBe("successful");
    const strict = analysisConfigSchema.parse({ metrics: { failureRate: { maxIncrease: 0 } } });
    expect(judge(armOf(150, 20_000), armOf(100, 20_000), {}, strict).verdict).toBe("failed");
  });
});

describe("tasks that still run", () => {
  it("are read in the canary's favour to fail it: nothing they become can undo that", () => {
    const canary = armOf(10, 20, { running: 2 });
    const control = armOf(1, 20);
    expect(judge(canary, control).verdict).toBe("failed");
    // Twelve of the control's are open: all of them could end badly.
    const open = { ...control, attempts: control.attempts.map((one, index) => (index < 12 ? running(one) : one)) };
    expect(judge(canary, open).verdict).not.toBe("failed");
  });

  it("are read against it to pass it: a canary a third of whose tasks hang is waited for", () => {
    const rates = analysisConfigSchema.parse({ metrics: { durationMs: null } });
    for (const config of [defaultAnalysisConfig, rates]) {
      const hangs = armOf(0, 60);
      hangs.attempts = hangs.attempts.map((one, index) => (index % 3 === 0 ? running(one) : one));
      const pending = judge(hangs, armOf(0, 60), {}, config);
      expect(pending).toMatchObject({ verdict: "inconclusive", final: false });
      const late = judge(hangs, armOf(0, 60), { isDeadline: true }, config);
      expect(late).toMatchObject({ verdict: "inconclusive", final: true });
    }
  });

  it("belong to a look by when they started: what began later is not looked at", () => {
    const control = armOf(0, 200);
    const result = judge(armOf(0, 20, { running: 5 }), control);
    expect(result.metrics[0]).toMatchObject({ canary: { n: 20, running: 0 }, control: { n: 158 } });
  });
});

function running<T extends object>(attempt: T): T & { outcome: "running" } {
  return { ...attempt, outcome: "running" };
}
