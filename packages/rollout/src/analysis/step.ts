import { analyse, analysisError } from "./analyse.ts";
import type { Look } from "./analyse.ts";
import { cohortOf, endedPerArm } from "./cohort.ts";
import type { AnalysisArms, AnalysisConfig, AnalysisResult, AnalysisState } from "./model.ts";
import { nextLook } from "./schedule.ts";

export interface AnalysisStepInput {
  /** Null: not read yet. */
  samples: AnalysisArms | { error: string } | null;
  config: AnalysisConfig;
  state: AnalysisState;
  /** How long the canary has been watched; paused time does not count. */
  elapsedMs: number;
  now: number;
}

export type AnalysisStep =
  | { kind: "wait"; waitingOn: string }
  /** Store `state` with the deploy. When `result.final` is false the deploy goes on as it is. */
  | { kind: "looked"; result: AnalysisResult; state: AnalysisState };

/**
 * What the analysis does at this moment: waits, or takes the look that is due. An unreadable source is waited for until
 * `maxWaitMs`, then it is an `error`; too few tasks by then are `inconclusive`. Once final, the same result again.
 */
export function stepAnalysis(input: AnalysisStepInput): AnalysisStep {
  const { samples, config, state, elapsedMs, now } = input;
  const last = state.results.at(-1);
  if (last?.final) return { kind: "looked", result: last, state };
  const isDeadline = elapsedMs >= config.maxWaitMs;
  const lastLook = config.looks.length;
  if (samples === null || "error" in samples) {
    const why = samples?.error ?? "nothing has been read yet";
    if (!isDeadline) return { kind: "wait", waitingOn: `the tasks of both releases: ${why}` };
    return looked(state, analysisError(config, lastLook, why, now));
  }
  if ("absent" in samples.control) return looked(state, analyse(samples, config, lookAt(1, 0, null)));
  const pending = last?.look === lastLook ? last : null;
  const looksDone = pending ? (state.results.at(-2)?.look ?? 0) : (last?.look ?? 0);
  const tasks = endedPerArm(cohortOf(samples.canary, samples.control));
  const due = pending || isDeadline ? lastLook : nextLook(config, tasks, looksDone, elapsedMs >= config.windowMs);
  if (due === null) return { kind: "wait", waitingOn: whatFor(config, tasks, looksDone) };
  const result = analyse(samples, config, lookAt(due, looksDone, pending));
  if (pending && !result.final) return { kind: "wait", waitingOn: `tasks still running: ${result.reason}` };
  return looked(pending ? { ...state, results: state.results.slice(0, -1) } : state, result);

  function lookAt(number: number, done: number, again: AnalysisResult | null): Look {
    return { number, looksDone: done, at: now, isDeadline, again };
  }
}

function looked(state: AnalysisState, result: AnalysisResult): AnalysisStep {
  return { kind: "looked", result, state: { ...state, results: [...state.results, result] } };
}

function whatFor(config: AnalysisConfig, tasks: number, looksDone: number): string {
  const next = config.looks[looksDone];
  const total = config.looks.length;
  if (!next || tasks >= next.tasksPerArm)
    return `the end of the analysis window, with ${tasks} tasks ended in each arm`;
  return `look ${looksDone + 1} of ${total}: ${tasks} of ${next.tasksPerArm} tasks have ended in each arm`;
}
