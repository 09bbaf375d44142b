/** How long tasks take here, as an empirical distribution. Unknown is not zero: without any, an assumption that is said to be one. */
export interface TaskEnds {
  measured: number;
  /** Time still to go, of a task that has run for `ageMs`: `share` of all such tasks need no longer. */
  remaining(ageMs: number, timeoutMs: number | null, share: number): number;
  /** Chance that it needs longer than `ms` more. */
  chanceBeyond(ageMs: number, ms: number): number;
  /** Durations, shortest first. */
  sorted: Float64Array;
  /** Index of the first duration above `ageMs`. */
  firstAbove(ageMs: number): number;
  /** Durations of tasks met at a random moment: long ones are met more often. Each entry is as likely as another. */
  lengthBiased: Float64Array;
}

const assumedMs = [5_000, 15_000, 30_000, 60_000, 120_000, 300_000];

export function taskEnds(taskMs: readonly number[]): TaskEnds {
  const sorted = Float64Array.from(taskMs.length > 0 ? taskMs : assumedMs).sort();
  const longest = sorted.at(-1) ?? 0;
  const firstAbove = (ms: number) => lowerBound(sorted, ms);
  return {
    measured: taskMs.length,
    sorted,
    firstAbove,
    lengthBiased: lengthBiased(sorted),
    remaining(ageMs, timeoutMs, share) {
      const from = firstAbove(ageMs);
      // Older than any that was ever measured: about as much again, and never past its own limit.
      if (from >= sorted.length) return Math.max(0, Math.min(ageMs, (timeoutMs ?? Infinity) - ageMs));
      const place = from + Math.min(sorted.length - from - 1, Math.floor(share * (sorted.length - from)));
      return Math.max(0, (sorted[place] ?? longest) - ageMs);
    },
    chanceBeyond(ageMs, ms) {
      // No task was ever that long; those that have lasted longer already are another matter.
      if (ageMs < longest && ageMs + ms >= longest) return 0;
      const from = firstAbove(ageMs);
      if (from >= sorted.length) return 1;
      return (sorted.length - firstAbove(ageMs + ms)) / (sorted.length - from);
    },
  };
}

const biasedEntries = 1024;

function lengthBiased(sorted: Float64Array): Float64Array {
  const total = sorted.reduce((sum, ms) => sum + ms, 0);
  const entries = new Float64Array(biasedEntries);
  let place = 0;
  let sum = sorted[0] ?? 0;
  for (let entry = 0; entry < biasedEntries; entry += 1) {
    while (sum < ((entry + 0.5) / biasedEntries) * total && place < sorted.length - 1) {
      place += 1;
      sum += sorted[place] ?? 0;
    }
    entries[entry] = sorted[place] ?? 0;
  }
  return entries;
}

/** Index of the first element above `value`. */
function lowerBound(sorted: Float64Array, value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? 0) <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}
