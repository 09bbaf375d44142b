export {
  analysisConfigSchema,
  analysisResultSchema,
  analysisStateSchema,
  analysisVerdicts,
  defaultAnalysisConfig,
  metricResultSchema,
} from "@valet/contracts";
export type { AnalysisConfig, AnalysisResult, AnalysisState, AnalysisVerdict, MetricResult } from "@valet/contracts";

/** What the canary is judged by: tasks that ran on the candidate against tasks that ran meanwhile on the release before it. */
export interface AnalysisArms {
  canary: AnalysisArm;
  /** `absent`: there is nothing to compare with, and never will be in this deploy. */
  control: AnalysisArm | { absent: AbsentControl };
}

/** A first deploy; the candidate is what ran before; the whole fleet already runs the candidate. */
export type AbsentControl = "no_previous_release" | "same_release" | "no_host_left";

export interface AnalysisArm {
  /** Every attempt that STARTED since the analysis began, in any order, those that still run among them. */
  attempts: AnalysisAttempt[];
  /** Values of the metrics named in `metrics.points`, one for each moment of measurement. */
  points: Record<string, number[]>;
}

export interface AnalysisAttempt {
  outcome: "good" | "bad" | "running";
  /** ms since 1970. */
  startedAt: number;
  /** From start to end; for one that still runs, from start until now. */
  durationMs: number;
}
