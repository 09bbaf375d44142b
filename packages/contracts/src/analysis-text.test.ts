import { describe, expect, it } from "vitest";
import { analysisText } from "./analysis-text.ts";
import type { AnalysisResult, MetricResult } from "./analysis.ts";

const metric = (over: Partial<MetricResult>): MetricResult => ({
  name: "failureRate",
  kind: "failure_rate",
  canary: { n: 20, bad: 1 },
  control: { n: 22, bad: 0 },
  test: "fisher",
  pValue: 0.476,
  alphaSpent: 0.01,
  verdict: "successful",
  reason: "",
  ...over,
});
const result = (over: Partial<AnalysisResult>): AnalysisResult => ({
  verdict: "inconclusive",
  final: false,
  reason: "too few tasks",
  look: 2,
  looksTotal: 3,
  metrics: [metric({})],
  startedUntil: null,
  at: 0,
  ...over,
});

describe("the numbers behind a verdict in one line", () => {
  it.each([
    [result({}), "failures 1 of 20 against 0 of 22, p = 0.48, look 2 of 3: no verdict yet"],
    [
      result({ final: true, verdict: "successful", look: 3 }),
      "failures 1 of 20 against 0 of 22, p = 0.48, look 3 of 3: successful",
    ],
    [
      result({
        final: true,
        verdict: "failed",
        reason: "it fails more often",
        metrics: [metric({ pValue: 0.00012, canary: { n: 10, bad: 9 } })],
      }),
      "failures 9 of 10 against 0 of 22, p = 1e-4, look 2 of 3: failed: it fails more often",
    ],
    [result({ final: true }), "failures 1 of 20 against 0 of 22, p = 0.48, look 2 of 3: inconclusive: too few tasks"],
    [result({ verdict: "error", reason: "no task has ended", metrics: [] }), "look 2 of 3: error: no task has ended"],
    [
      result({
        metrics: [
          metric({ pValue: null }),
          metric({
            kind: "duration",
            canary: { n: 10, median: 12_340 },
            control: { n: 10, median: 950 },
            pValue: 0.031,
          }),
          metric({
            kind: "points",
            name: "memoryMb",
            canary: { n: 10, median: 412 },
            control: { n: 0, median: null },
            pValue: null,
          }),
        ],
      }),
      "failures 1 of 20 against 0 of 22; median 12 s against 0.95 s, p = 0.031; memoryMb median 412 against none, look 2 of 3: no verdict yet",
    ],
  ])("%#", (given, text) => expect(analysisText(given)).toBe(text));
});
