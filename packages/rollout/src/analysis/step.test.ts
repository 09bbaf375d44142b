import { describe, expect, it } from "vitest";
import { armOf } from "../testing/attempts.ts";
import { analysisConfigSchema, defaultAnalysisConfig } from "./model.ts";
import type { AnalysisArms, AnalysisState } from "./model.ts";
import { nextLook } from "./schedule.ts";
import { stepAnalysis } from "./step.ts";
import type { AnalysisStep } from "./step.ts";

const config = defaultAnalysisConfig;
const fresh: AnalysisState = { since: 0, results: [] };
const soon = 60_000;
const windowOver = config.windowMs;
const deadline = config.maxWaitMs;

const arms = (canary: [bad: number, n: number], control: [bad: number, n: number] = [0, 50]): AnalysisArms => ({
  canary: armOf(...canary),
  control: armOf(...control),
});
const step = (samples: Parameters<typeof stepAnalysis>[0]["samples"], elapsedMs: number, state = fresh): AnalysisStep =>
  stepAnalysis({ samples, config, state, elapsedMs, now: elapsedMs });

function stateOf(one: AnalysisStep): AnalysisState {
  if (one.kind !== "looked") throw new Error(`no look: ${one.waitingOn}`);
  return one.state;
}

describe("when a look is due", () => {
  it("is when that many tasks have ended in each arm; the last also waits for the window", () => {
    expect(nextLook(config, 4, 0)).toBeNull();
    expect(nextLook(config, 5, 0)).toBe(1);
    expect(nextLook(config, 9, 1)).toBeNull();
    expect(nextLook(config, 30, 0)).toBe(3);
    expect(nextLook(config, 30, 0, false)).toBe(2);
    expect(nextLook(config, 30, 2, false)).toBeNull();
    expect(nextLook(config, 30, 3)).toBeNull();
  });

  it("takes each look once and ends with a success at the last", () => {
    let state = stateOf(step(arms([0, 5]), soon));
    expect(step(arms([0, 7]), soon, state)).toEqual({
      kind: "wait",
      waitingOn: "look 2 of 3: 7 of 10 tasks have ended in each arm",
    });
    state = stateOf(step(arms([0, 12]), soon, state));
    expect(step(arms([0, 40]), soon, state)).toMatchObject({
      kind: "wait",
      waitingOn: "the end of the analysis window, with 40 tasks ended in each arm",
    });
    const done = step(arms([0, 40]), windowOver, state);
    expect(done).toMatchObject({ kind: "looked", result: { verdict: "successful", final: true, look: 3 } });
    expect(stateOf(done).results.map((result) => result.look)).toEqual([1, 2, 3]);
    expect(step(arms([40, 40]), deadline, stateOf(done))).toEqual(done);
  });

  it("gives whatever there is the last look at the deadline, with all that is left of alpha", () => {
    expect(step(arms([0, 12]), deadline)).toMatchObject({ result: { verdict: "inconclusive", final: true, look: 3 } });
    expect(step(arms([4, 4]), deadline)).toMatchObject({ result: { verdict: "failed" } });
  });

  it("first 5: no data never passes: nothing ended, nothing read and nothing readable are errors at the deadline", () => {
    for (const samples of [arms([0, 0]), arms([0, 40], [0, 0]), null, { error: "the database is away" }]) {
      expect(step(samples, windowOver).kind).toBe("wait");
      expect(step(samples, deadline)).toMatchObject({ kind: "looked", result: { verdict: "error", final: true } });
    }
  });

  it("says at once that there is no control", () => {
    const samples: AnalysisArms = { canary: armOf(0, 0), control: { absent: "no_host_left" } };
    expect(step(samples, 0)).toMatchObject({ kind: "looked", result: { verdict: "inconclusive", final: true } });
  });

  it("waits at the last look for running tasks that could change it, and looks at the same tasks again", () => {
    const hangs = armOf(0, 60);
    const stuck = hangs.attempts.map((one, index) => (index % 3 ? one : { ...one, outcome: "running" as const }));
    const control = armOf(0, 200);
    const open = step({ canary: { attempts: stuck, points: {} }, control }, windowOver);
    expect(open).toMatchObject({ kind: "looked", result: { verdict: "inconclusive", final: false, look: 3 } });
    const state = stateOf(open);
    expect(step({ canary: { attempts: stuck, points: {} }, control }, windowOver + 1, state).kind).toBe("wait");
    const ended = stuck.map((one) => (one.outcome === "running" ? { ...one, outcome: "bad" as const } : one));
    const failed = step({ canary: { attempts: ended, points: {} }, control }, windowOver + 2, state);
    expect(failed).toMatchObject({ result: { verdict: "failed", startedUntil: state.results[0]?.startedUntil } });
    expect(stateOf(failed).results).toHaveLength(1);
  });
});

describe("the configuration", () => {
  it("names what contradicts itself", () => {
    const parsed = analysisConfigSchema.safeParse({
      looks: [
        { tasksPerArm: 10, share: 0.6 },
        { tasksPerArm: 10, share: 0.6 },
      ],
      windowMs: 9_000_000,
      metrics: { failureRate: null, durationMs: null },
    });
    expect(parsed.error?.issues.map((issue) => issue.path.join("."))).toEqual([
      "looks.1.tasksPerArm",
      "looks",
      "looks.1.tasksPerArm",
      "windowMs",
      "metrics",
    ]);
    expect(analysisConfigSchema.safeParse({ alhpa: 0.1 }).success).toBe(false);
    expect(analysisConfigSchema.safeParse({ metrics: { points: [{ name: "x", share: 0.1 }] } }).success).toBe(false);
  });

  it("spends alpha at most: over all metrics and looks the shares add up to one", () => {
    const { looks, metrics } = config;
    const byLook = looks.reduce((sum, look) => sum + look.share, 0);
    expect(byLook * ((metrics.failureRate?.share ?? 0) + (metrics.durationMs?.share ?? 0))).toBeCloseTo(1, 12);
  });
});
