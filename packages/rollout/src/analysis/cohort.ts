import type { AnalysisArm, AnalysisAttempt } from "./model.ts";

/** The attempts one look is about. */
export interface Cohort {
  canary: AnalysisAttempt[];
  control: AnalysisAttempt[];
  /** Start of the last canary attempt that belongs to it; null without any. */
  startedUntil: number | null;
}

/**
 * Who belongs to a look is decided by when a task STARTED, never by when it ended: slow failures would be missing from
 * whichever arm had less time. As many of the first canary attempts as have ended, and the control's of the same time.
 * Given `startedUntil`, the same cohort again, later.
 */
export function cohortOf(canary: AnalysisArm, control: AnalysisArm, startedUntil: number | null = null): Cohort {
  const until = startedUntil ?? startOfLast(canary.attempts);
  if (until === null) return { canary: [], control: [], startedUntil: null };
  const belongs = (attempt: AnalysisAttempt): boolean => attempt.startedAt <= until;
  return {
    canary: canary.attempts.filter(belongs),
    control: control.attempts.filter(belongs),
    startedUntil: until,
  };
}

/** Tasks that have ended in whichever arm has fewer. */
export function endedPerArm(cohort: Cohort): number {
  return Math.min(ended(cohort.canary).length, ended(cohort.control).length);
}

export function ended(attempts: AnalysisAttempt[]): AnalysisAttempt[] {
  return attempts.filter((attempt) => attempt.outcome !== "running");
}

function startOfLast(attempts: AnalysisAttempt[]): number | null {
  const starts = attempts.map((attempt) => attempt.startedAt).sort((a, b) => a - b);
  return starts[ended(attempts).length - 1] ?? null;
}
