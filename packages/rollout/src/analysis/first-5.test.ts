import { describe, expect, it } from "vitest";
import { makeRandom } from "../simulation/random.ts";
import { playCanary, shareOf } from "../testing/arms.ts";
import { detectionOdds } from "../testing/detection.ts";
import { defaultAnalysisConfig as shipped } from "./model.ts";

const goodMs = 60_000;

describe("first 5: analysis that is right", () => {
  // A crash takes hardly any time, a timeout five times as long as a task that goes well.
  for (const { rate, badMs } of [0, 0.01, 0.05, 0.2].flatMap((rate) => [
    { rate, badMs: 5_000 },
    { rate, badMs: 300_000 },
  ])) {
    it(`first 5: 1,000 A/A runs abort at most alpha of them: ${rate * 100} % failing, each after ${badMs / 1000} s`, () => {
      const random = makeRandom(5, `${rate}/${badMs}`).next;
      const arm = { slots: 2, failureRate: rate, goodMs, badMs };
      const play = () => playCanary(arm, { ...arm, slots: 4 }, shipped, random);
      expect(shareOf("failed", 1_000, play)).toBeLessThanOrEqual(shipped.alpha);
    });
  }

  it("first 5: adding up every course, no failure rate makes false aborts more frequent than its share of alpha", () => {
    const share = shipped.alpha * (shipped.metrics.failureRate?.share ?? 0);
    const sizes = shipped.looks.map((look) => ({ canary: look.tasksPerArm, control: look.tasksPerArm }));
    for (let rate = 0.05; rate < 1; rate += 0.15) {
      expect(detectionOdds(shipped, sizes, { canary: rate, control: rate })).toBeLessThanOrEqual(share);
    }
  });

  it("first 5: 5 % to 50 % failures are detected in at least 80 % with 20 tasks an arm", () => {
    const sizes = shipped.looks.map((look) => ({ canary: look.tasksPerArm, control: look.tasksPerArm }));
    expect(sizes.at(-1)).toEqual({ canary: 20, control: 20 });
    expect(detectionOdds(shipped, sizes, { canary: 0.5, control: 0.05 })).toBeGreaterThanOrEqual(0.8);
  });

  it("first 5: and beside each other on a fleet at work, tasks still running and all", () => {
    const random = makeRandom(5, "power").next;
    for (const badMs of [5_000, 60_000, 300_000]) {
      const arm = { slots: 2, goodMs, badMs };
      const play = () => playCanary({ ...arm, failureRate: 0.5 }, { ...arm, failureRate: 0.05 }, shipped, random);
      expect(shareOf("failed", 300, play)).toBeGreaterThanOrEqual(0.8);
    }
  });

  it("first 5: a canary that only hangs never passes", () => {
    const random = makeRandom(5, "hangs").next;
    const sound = { slots: 2, failureRate: 0.05, goodMs, badMs: 60_000 };
    const hanging = { ...sound, failureRate: 0.5, badMs: 100 * shipped.maxWaitMs };
    expect(shareOf("successful", 200, () => playCanary(hanging, sound, shipped, random))).toBe(0);
  });
});
