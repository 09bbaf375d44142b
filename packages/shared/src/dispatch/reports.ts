import type { GenerationState } from "../states.ts";
import type { GenerationInput } from "./heartbeat-input.ts";

/** A generation as it is kept, with ages instead of times. */
export interface StoredGeneration {
  number: number;
  state: GenerationState;
  imageTag: string;
  imageDigest: string;
  workerBootId: string | null;
  accepting: boolean;
  spareReady: boolean;
  /** Since this boot of its GH worker, or its end, was first reported. */
  bootSeenMs: number | null;
  /** Since it last answered. */
  silentMs: number;
}

/**
 * All generations as they are after these reports, and which of them are to be written. A report about one that does not answer
 * changes only that it accepts nothing: the rest is what was last known.
 */
export function mergeReports(
  reports: readonly GenerationInput[],
  stored: readonly StoredGeneration[],
): { all: StoredGeneration[]; changed: StoredGeneration[]; isNewlyAccepting: boolean } {
  const before = (number: number) => stored.find((one) => one.number === number);
  const now = reports.map((report) => merge(report, before(report.generation)));
  const silent = stored
    .filter((one) => one.state !== "ended" && !reports.some((report) => report.generation === one.number))
    .map((one) => ({ ...one, accepting: false, spareReady: false }));
  const all = [...now, ...silent];
  const changed = all.filter((one) => differs(one, before(one.number)));
  const isNewlyAccepting = changed.some((one) => one.accepting && !before(one.number)?.accepting);
  return { all, changed, isNewlyAccepting };
}

function merge(report: GenerationInput, before: StoredGeneration | undefined): StoredGeneration {
  const isHeard = report.reachable || report.state === "ended";
  const boot = report.reachable ? report.workerBootId : (before?.workerBootId ?? null);
  const isSame = before && before.workerBootId === boot && (before.state === "ended") === (report.state === "ended");
  return {
    number: report.generation,
    state: report.state,
    imageTag: report.imageTag,
    imageDigest: report.imageDigest,
    workerBootId: boot,
    accepting: report.reachable && report.accepting,
    spareReady: report.spareReady,
    bootSeenMs: isSame ? before.bootSeenMs : 0,
    silentMs: isHeard ? 0 : (before?.silentMs ?? 0),
  };
}

const fields = ["state", "imageTag", "imageDigest", "workerBootId", "accepting", "spareReady"] as const;

function differs(one: StoredGeneration, before: StoredGeneration | undefined): boolean {
  if (!before) return true;
  return fields.some((field) => one[field] !== before[field]) || (one.bootSeenMs === 0 && before.bootSeenMs !== 0);
}
