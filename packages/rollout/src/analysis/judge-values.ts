import type { Cohort } from "./cohort.ts";
import { shown } from "./judge-failure-rate.ts";
import type { Judged, LookAt } from "./judged.ts";
import { mannWhitneyOneSided } from "./mann-whitney.ts";
import type { AnalysisArm, AnalysisAttempt, AnalysisConfig } from "./model.ts";

export type DurationRules = NonNullable<AnalysisConfig["metrics"]["durationMs"]>;
export type PointRules = AnalysisConfig["metrics"]["points"][number];

/**
 * How long tasks took that went well; failed ones often end early and would look fast. One that still runs has taken this
 * long at least: to fail the canary it counts as that, in the control as longer than all; to pass it, the other way round.
 */
export function judgeDuration(cohort: Cohort, rules: DurationRules, look: LookAt): Judged {
  const canary = readings(cohort.canary);
  const control = readings(cohort.control);
  return judgeValues(
    { name: "durationMs", kind: "duration", what: "successful task", ratio: 1 + rules.maxIncrease },
    { ended: canary.ended, ranked: canary.low, other: canary.high },
    { ended: control.ended, ranked: control.high, other: control.low },
    look,
  );
}

/** Points of a metric from elsewhere; by rank, so a few wild values weigh no more than their place in the order. */
export function judgePoints(canary: AnalysisArm, control: AnalysisArm, rules: PointRules, look: LookAt): Judged {
  const sign = rules.worse === "higher" ? 1 : -1;
  const series = (arm: AnalysisArm): Series => {
    const values = (arm.points[rules.name] ?? []).filter(Number.isFinite).map((value) => value * sign);
    return { ended: values, ranked: values, other: values };
  };
  const judged = judgeValues(
    { name: rules.name, kind: "points", what: `point of ${rules.name}`, ratio: null },
    series(canary),
    series(control),
    look,
  );
  return sign === 1 ? judged : { ...judged, canary: flip(judged.canary), control: flip(judged.control) };
}

/** `ended`: known values. `ranked`: read in the canary's favour. `other`: read against it. */
interface Series {
  ended: number[];
  ranked: number[];
  other: number[];
}

interface About {
  name: string;
  kind: "duration" | "points";
  what: string;
  /** The canary's median must be more than this many times the control's to fail it; null: the ranks alone decide. */
  ratio: number | null;
}

function judgeValues(about: About, canary: Series, control: Series, look: LookAt): Judged {
  const medians = { canary: medianOf(canary.ended), control: medianOf(control.ended) };
  const missing =
    medians.canary === null ? "on the new release" : medians.control === null ? "on the one before" : null;
  const pValue = missing === null ? mannWhitneyOneSided(canary.ranked, control.ranked) : null;
  const judge = (verdict: Judged["verdict"], reason: string, isPending = false): Judged => ({
    name: about.name,
    kind: about.kind,
    canary: { n: canary.ended.length, running: canary.ranked.length - canary.ended.length, median: medians.canary },
    control: {
      n: control.ended.length,
      running: control.ranked.length - control.ended.length,
      median: medians.control,
    },
    test: "mann_whitney",
    pValue,
    alphaSpent: look.alpha,
    verdict,
    reason,
    isPending,
  });
  if (pValue === null)
    return judge("error", `There is no ${about.what} ${missing ?? ""}, so there is nothing to compare.`);
  const isEnough =
    about.ratio === null || (medians.canary ?? 0) > about.ratio * (medians.control ?? Number.POSITIVE_INFINITY);
  const said = about.kind === "duration" ? "durations of successful tasks" : about.name;
  const p = `p ${shown(pValue)}`;
  if (pValue <= look.alpha && isEnough)
    return judge("failed", `By rank, ${said} are worse than chance explains (${p}).`);
  if (!look.isLast) return judge("inconclusive", `By rank, ${said} are not worse than chance explains so far.`);
  if (mannWhitneyOneSided(canary.other, control.other) <= look.alpha && canary.other.length > canary.ended.length) {
    return judge("inconclusive", `Tasks still running could make ${said} worse than chance explains.`, true);
  }
  if (Math.min(canary.ended.length, control.ended.length) < look.minSample) {
    return judge("inconclusive", `There are fewer than ${look.minSample} values of ${said} in each arm.`);
  }
  if (hasNewValues(canary.ended, control.ended)) {
    return judge(
      "inconclusive",
      `The release before always shows one value of ${said}, the new one several worse ones.`,
    );
  }
  return judge("successful", `By rank, ${said} are no worse than chance explains (${p}).`);
}

/** Sparse errors: the control never moves, and the canary does, the worse way, too rarely for any rank test. */
function hasNewValues(canary: number[], control: number[]): boolean {
  const first = control[0] ?? 0;
  return control.every((value) => value === first) && canary.filter((value) => value > first).length >= 2;
}

function readings(attempts: AnalysisAttempt[]): { ended: number[]; low: number[]; high: number[] } {
  const durations = (outcome: AnalysisAttempt["outcome"]): number[] =>
    attempts.filter((attempt) => attempt.outcome === outcome).map((attempt) => attempt.durationMs);
  const endedWell = durations("good");
  const running = durations("running");
  return {
    ended: endedWell,
    low: [...endedWell, ...running],
    high: [...endedWell, ...running.map(() => Number.POSITIVE_INFINITY)],
  };
}

function medianOf(values: number[]): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.ceil(sorted.length / 2) - 1];
  return upper === undefined || lower === undefined ? null : (lower + upper) / 2;
}

function flip<T extends { median?: number | null | undefined }>(summary: T): T {
  return typeof summary.median === "number" ? { ...summary, median: -summary.median } : summary;
}
