import type { AnalysisResult, MetricResult } from "./analysis.ts";

/** One compact line: `failures 1 of 20 against 0 of 22, p = 0.48, look 2 of 3: no verdict yet`. */
export function analysisText(result: AnalysisResult): string {
  const numbers = result.metrics.map(metricText);
  const look = `look ${result.look} of ${result.looksTotal}: ${verdictText(result)}`;
  return numbers.length === 0 ? look : `${numbers.join("; ")}, ${look}`;
}

/** A verdict that decides nothing says why; the others are said by their numbers. */
function verdictText({ final, verdict, reason }: AnalysisResult): string {
  if (verdict === "error") return `error: ${reason}`;
  if (!final) return "no verdict yet";
  return verdict === "successful" ? verdict : `${verdict}: ${reason}`;
}

function metricText({ name, kind, canary, control, pValue }: MetricResult): string {
  const p = pValue === null ? "" : `, p = ${shortNumber(pValue)}`;
  if (kind === "failure_rate") {
    return `failures ${canary.bad ?? 0} of ${canary.n} against ${control.bad ?? 0} of ${control.n}${p}`;
  }
  const value = (median: number | null | undefined) =>
    median === null || median === undefined ? "none" : kind === "duration" ? seconds(median) : shortNumber(median);
  const what = kind === "duration" ? "median" : `${name} median`;
  return `${what} ${value(canary.median)} against ${value(control.median)}${p}`;
}

function seconds(ms: number): string {
  return `${shortNumber(ms / 1000)} s`;
}

/** Two digits that say something: 0.48, 0.0012, 12. */
function shortNumber(value: number): string {
  if (value !== 0 && Math.abs(value) < 0.001) return value.toExponential(0);
  return String(Number(value.toPrecision(value >= 100 ? 3 : 2)));
}
