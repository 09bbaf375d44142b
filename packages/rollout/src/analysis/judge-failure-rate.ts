import type { Cohort } from "./cohort.ts";
import { ended } from "./cohort.ts";
import { fisherOneSided } from "./fisher.ts";
import type { Count } from "./fisher.ts";
import type { Judged, LookAt } from "./judged.ts";
import type { AnalysisAttempt, AnalysisConfig } from "./model.ts";

export type FailureRateRules = NonNullable<AnalysisConfig["metrics"]["failureRate"]>;

/**
 * Tasks still running could end either way. To fail, the canary must be worse with them read in its favour (its own as
 * good, the control's as bad), so whatever they become, alpha holds. To pass, it must hold with them read against it.
 */
export function judgeFailureRate(cohort: Cohort, rules: FailureRateRules, look: LookAt): Judged {
  const canary = countsOf(cohort.canary);
  const control = countsOf(cohort.control);
  const kind = compare(atLeast(canary), atMost(control), rules, look.alpha);
  const harsh = compare(atMost(canary), atLeast(control), rules, look.alpha);
  const missing = canary.ended === 0 ? "on the new release" : control.ended === 0 ? "on the one before" : null;
  const said = `${shareOf(canary)} failed, against ${shareOf(control)} on the release before`;
  const judge = (verdict: Judged["verdict"], reason: string, isPending = false): Judged => ({
    name: "failureRate",
    kind: "failure_rate",
    canary: { n: canary.n, bad: canary.bad, running: canary.running },
    control: { n: control.n, bad: control.bad, running: control.running },
    test: "fisher",
    pValue: missing === null ? kind.p : null,
    alphaSpent: look.alpha,
    verdict,
    reason,
    isPending,
  });
  if (missing !== null) return judge("error", `No task has ended ${missing}, so there is nothing to compare.`);
  if (kind.isWorse) return judge("failed", `${said}: more than chance explains (p ${shown(kind.p)}).`);
  if (!look.isLast) return judge("inconclusive", `${said}: not worse than chance explains so far.`);
  if (harsh.isWorse) return judge("inconclusive", `${said}; the tasks still running could change the verdict.`, true);
  const doubt = doubtOf(canary, control, kind, rules, look.minSample);
  if (doubt !== null) return judge("inconclusive", `${said}: ${doubt}.`);
  return judge("successful", `${said}: no more than chance explains (p ${shown(kind.p)}).`);
}

interface Counts {
  n: number;
  bad: number;
  running: number;
  ended: number;
}

function countsOf(attempts: AnalysisAttempt[]): Counts {
  const bad = attempts.filter((attempt) => attempt.outcome === "bad").length;
  const done = ended(attempts).length;
  return { n: attempts.length, bad, running: attempts.length - done, ended: done };
}

function atLeast({ n, bad }: Counts): Count {
  return { n, bad };
}

function atMost({ n, bad, running }: Counts): Count {
  return { n, bad: bad + running };
}

interface Compared {
  p: number;
  increase: number;
  isWorse: boolean;
}

/** Each further condition only makes a failure rarer, so alpha holds with them as without. */
function compare(canary: Count, control: Count, rules: FailureRateRules, alpha: number): Compared {
  const p = fisherOneSided(canary, control);
  const increase = canary.bad / canary.n - control.bad / control.n;
  return { p, increase, isWorse: p <= alpha && canary.bad >= rules.minBad && increase > rules.maxIncrease };
}

/** Why this is no success although it is no failure; null when it is one. */
function doubtOf(canary: Counts, control: Counts, kind: Compared, rules: FailureRateRules, minSample: number) {
  if (Math.min(canary.ended, control.ended) < minSample) return `fewer than ${minSample} tasks ended in each arm`;
  if (control.bad === 0 && canary.bad >= 2)
    return "the release before shows no such failure, but there are too few to be sure";
  if (kind.p < rules.doubtBelow && kind.increase > rules.maxIncrease) {
    return `too many to call it good, too few to call it bad (p ${shown(kind.p)})`;
  }
  return null;
}

function shareOf({ bad, n, running }: Counts): string {
  return `${bad} of ${n}${running > 0 ? ` (${running} still running)` : ""}`;
}

export function shown(p: number): string {
  return p < 0.0001 ? "below 0.0001" : String(Number(p.toPrecision(2)));
}
