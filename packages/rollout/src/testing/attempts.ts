import type { AnalysisArm, AnalysisAttempt } from "../analysis/model.ts";

/** `bad` of `n` attempts ended badly, spread evenly over 100 s of starts; then `running` more that have not ended. */
export function armOf(bad: number, n: number, more: { running?: number; durationMs?: number } = {}): AnalysisArm {
  const { running = 0, durationMs = 60_000 } = more;
  const outcomeOf = (index: number): AnalysisAttempt["outcome"] =>
    index >= n ? "running" : Math.floor(((index + 1) * bad) / n) > Math.floor((index * bad) / n) ? "bad" : "good";
  const apartMs = 100_000 / Math.max(1, n + running - 1);
  const attempts = Array.from({ length: n + running }, (_, index) => {
    return { outcome: outcomeOf(index), startedAt: Math.round(index * apartMs), durationMs: durationMs + (index % 10) };
  });
  return { attempts, points: {} };
}
