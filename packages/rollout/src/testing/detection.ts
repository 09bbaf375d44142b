import { judgeFailureRate } from "../analysis/judge-failure-rate.ts";
import type { AnalysisConfig } from "../analysis/model.ts";
import { alphaOfLook } from "../analysis/schedule.ts";
import { armOf } from "./attempts.ts";

/** Tasks that have ended in each arm at one look. */
export interface Sizes {
  canary: number;
  control: number;
}

export interface Rates {
  canary: number;
  control: number;
}

/**
 * How often the failure rate fails a canary with these rates, over all looks: every possible course added up, no chance
 * involved. `sizes` has one entry a look; with equal rates it is the share of false aborts.
 */
export function detectionOdds(config: AnalysisConfig, sizes: Sizes[], rates: Rates): number {
  const rules = config.metrics.failureRate;
  if (!rules) throw new Error("this schedule does not look at the failure rate");
  let open = new Map([["0,0", 1]]);
  let before: Sizes = { canary: 0, control: 0 };
  let failed = 0;
  sizes.forEach((size, index) => {
    const alpha = alphaOfLook(config, rules.share, index + 1, index);
    const look = { alpha, isLast: index + 1 === config.looks.length, minSample: config.minSample };
    const next = new Map<string, number>();
    for (const [key, odds] of spread(open, size.canary - before.canary, size.control - before.control, rates)) {
      const [canary = 0, control = 0] = key.split(",").map(Number);
      const cohort = {
        canary: armOf(canary, size.canary).attempts,
        control: armOf(control, size.control).attempts,
        startedUntil: null,
      };
      if (judgeFailureRate(cohort, rules, look).verdict === "failed") failed += odds;
      else next.set(key, odds);
    }
    [open, before] = [next, size];
  });
  return failed;
}

/** Each course goes on by so many further tasks in each arm. */
function spread(open: Map<string, number>, canary: number, control: number, rates: Rates): Map<string, number> {
  const [more, others] = [binomial(canary, rates.canary), binomial(control, rates.control)];
  const next = new Map<string, number>();
  for (const [key, odds] of open) {
    const [bad = 0, controlBad = 0] = key.split(",").map(Number);
    more.forEach((a, i) => {
      others.forEach((b, j) => {
        const to = `${bad + i},${controlBad + j}`;
        next.set(to, (next.get(to) ?? 0) + odds * a * b);
      });
    });
  }
  return next;
}

/** The odds of 0 to n bad ones. */
function binomial(n: number, rate: number): number[] {
  let odds = [1];
  for (let task = 0; task < n; task++) {
    odds = [...odds, 0].map((one, bad) => one * (1 - rate) + (odds[bad - 1] ?? 0) * rate);
  }
  return odds;
}
