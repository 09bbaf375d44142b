import { cohortOf } from "./cohort.ts";
import type { Cohort } from "./cohort.ts";
import { judgeFailureRate } from "./judge-failure-rate.ts";
import { judgeDuration, judgePoints } from "./judge-values.ts";
import type { Judged, LookAt } from "./judged.ts";
import type { AbsentControl, AnalysisArm, AnalysisArms, AnalysisConfig, AnalysisResult } from "./model.ts";
import { alphaOfLook } from "./schedule.ts";

export interface Look {
  /** From 1. */
  number: number;
  /** The look before it; what the looks between them could have spent, this one may. */
  looksDone: number;
  at: number;
  /** Nothing more is waited for: a verdict that is not there by now is `inconclusive`. */
  isDeadline: boolean;
  /** This same look, taken before while tasks of it still ran: the same cohort again. Null: all who have ended by now. */
  again: AnalysisResult | null;
}

/**
 * One look at both arms. A failed metric fails the canary at any look; success needs the last look, every metric and enough
 * tasks. Nothing to compare is `error`, or `inconclusive` when there is no control at all; never a success.
 */
export function analyse(arms: AnalysisArms, config: AnalysisConfig, look: Look): AnalysisResult {
  const { control } = arms;
  if ("absent" in control) return conclude(config, look, [], null, ["inconclusive", whyAbsent[control.absent]]);
  const cohort = cohortOf(arms.canary, control, look.again?.startedUntil);
  const judged = judgeAll(arms.canary, control, cohort, config, look);
  return conclude(config, look, judged, cohort.startedUntil, overall(judged));
}

/** The result when the numbers could not be read at all. */
export function analysisError(config: AnalysisConfig, look: number, message: string, at: number): AnalysisResult {
  const atEnd = { number: look, at, isDeadline: true };
  return conclude(config, atEnd, [], null, ["error", `The tasks of both releases could not be read: ${message}`]);
}

const whyAbsent: Record<AbsentControl, string> = {
  no_previous_release: "There is no release before this one to compare it with.",
  same_release: "The new release is the very one that ran before, so there is nothing to compare.",
  no_host_left: "Every host already runs the new release, so nothing is left to compare it with.",
};

function judgeAll(
  canary: AnalysisArm,
  control: AnalysisArm,
  cohort: Cohort,
  config: AnalysisConfig,
  look: Look,
): Judged[] {
  const { failureRate, durationMs, points } = config.metrics;
  const at = (share: number, minSample: number): LookAt => ({
    alpha: alphaOfLook(config, share, look.number, look.looksDone),
    isLast: look.number === config.looks.length,
    minSample,
  });
  const judged: Judged[] = [];
  if (failureRate) judged.push(judgeFailureRate(cohort, failureRate, at(failureRate.share, config.minSample)));
  if (durationMs) judged.push(judgeDuration(cohort, durationMs, at(durationMs.share, durationMs.minSample)));
  for (const rules of points) {
    // Points have no cohort: tested again with more of them, they would spend the same alpha twice.
    const before = look.again?.metrics.find((metric) => metric.kind === "points" && metric.name === rules.name);
    const now = (): Judged => judgePoints(canary, control, rules, at(rules.share, rules.minSample));
    judged.push(before ? { ...before, isPending: false } : now());
  }
  return judged;
}

type Verdict = [verdict: AnalysisResult["verdict"], reason: string];

/** The worst metric speaks for all. */
function overall(judged: Judged[]): Verdict {
  for (const verdict of ["failed", "error", "inconclusive"] as const) {
    const worst = judged.find((metric) => metric.verdict === verdict);
    if (worst) return [verdict, worst.reason];
  }
  const [first] = judged;
  return first ? ["successful", first.reason] : ["error", "No metric was looked at."];
}

function conclude(
  config: AnalysisConfig,
  look: Pick<Look, "number" | "at" | "isDeadline">,
  judged: Judged[],
  startedUntil: number | null,
  [verdict, reason]: Verdict,
): AnalysisResult {
  const looksTotal = config.looks.length;
  const isOpen = look.number < looksTotal || judged.some((metric) => metric.isPending);
  const goesOn = judged.length > 0 && verdict !== "failed" && isOpen && !look.isDeadline;
  const metrics = judged.map(({ isPending: _, ...metric }) => metric);
  return { verdict, final: !goesOn, reason, look: look.number, looksTotal, metrics, startedUntil, at: look.at };
}
