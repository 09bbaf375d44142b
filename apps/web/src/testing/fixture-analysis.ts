import type { AnalysisResult, MetricResult } from "@valet/contracts";
import { decision } from "./fixture-deploy-parts.ts";

export type FixtureVerdict = "going_on" | "failed" | "inconclusive" | "error" | "successful";

interface Numbers {
  canary: [bad: number, n: number];
  control: [bad: number, n: number];
  p: number | null;
  said: string;
}

const numbers: Readonly<Record<FixtureVerdict, Numbers>> = {
  going_on: {
    canary: [1, 10],
    control: [1, 31],
    p: 0.4319,
    said: "1 of 10 failed, against 1 of 31 on the release before: not worse than chance explains so far.",
  },
  failed: {
    canary: [7, 10],
    control: [1, 31],
    p: 0.000041,
    said: "7 of 10 failed, against 1 of 31 on the release before: more than chance explains (p 0.00004).",
  },
  inconclusive: {
    canary: [4, 20],
    control: [3, 58],
    p: 0.0671,
    said: "4 of 20 failed, against 3 of 58 on the release before: too many to call it good, too few to call it bad (p 0.067).",
  },
  error: {
    canary: [0, 0],
    control: [2, 40],
    p: null,
    said: "No task has ended on the canary, so there is nothing to compare.",
  },
  successful: {
    canary: [1, 21],
    control: [3, 60],
    p: 0.714,
    said: "1 of 21 failed, against 3 of 60 on the release before: no more than chance explains (p 0.714).",
  },
};

/** A look with its numbers. `going_on`: the second of three, and nothing is decided. */
export function fixtureAnalysis(nowMs: number, verdict: FixtureVerdict): AnalysisResult {
  const { canary, control, p, said } = numbers[verdict];
  const isFinal = verdict !== "going_on";
  const shown = verdict === "going_on" ? "inconclusive" : verdict;
  const failureRate: MetricResult = {
    name: "failureRate",
    kind: "failure_rate",
    canary: { n: canary[1], bad: canary[0], running: isFinal ? 0 : 2 },
    control: { n: control[1], bad: control[0] },
    test: "fisher",
    pValue: p,
    alphaSpent: isFinal && verdict !== "failed" ? 0.028 : 0.008,
    verdict: shown,
    reason: said,
  };
  const duration: MetricResult = {
    name: "durationMs",
    kind: "duration",
    canary: { n: canary[1] - canary[0], median: canary[1] === 0 ? null : 48_200 },
    control: { n: control[1] - control[0], median: 46_900 },
    test: "mann_whitney",
    pValue: p === null ? null : 0.308,
    alphaSpent: 0.002,
    verdict: p === null ? "error" : "successful",
    reason:
      p === null
        ? "No task has ended on the canary, so there is nothing to compare."
        : "Median 48.2 s against 46.9 s: not longer than chance explains.",
  };
  return {
    verdict: shown,
    final: isFinal,
    reason: said,
    look: isFinal && verdict !== "failed" ? 3 : 2,
    looksTotal: 3,
    metrics: [failureRate, duration],
    startedUntil: nowMs - 90_000,
    at: nowMs - 60_000,
  };
}

/** One result a look, oldest first. */
export function fixtureLooks(nowMs: number, verdicts: readonly FixtureVerdict[]): AnalysisResult[] {
  return verdicts.map((verdict, index) => ({
    ...fixtureAnalysis(nowMs, verdict),
    look: verdicts.length === 2 && index === 1 && verdict === "inconclusive" ? 3 : index + 1,
    at: nowMs - (verdicts.length - index) * 240_000,
  }));
}

/** How the journal tells a look. */
export function lookDecision(nowMs: number, seq: number, look: AnalysisResult) {
  const text = `analysis, look ${look.look} of ${look.looksTotal}: ${look.verdict}. ${look.reason}`;
  return decision(nowMs, seq, nowMs - look.at, "reconciler", text, { analysis: look });
}
