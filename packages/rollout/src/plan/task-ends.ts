/** How long tasks take here, as an empirical distribution. Unknown is not zero: without any, an assumption that is said to be one. */
export interface TaskEnds {
  measured: number;
  /** Time still to go, of a task that has run for `ageMs`: `share` of all such tasks need no longer. */
  remaining(ageMs: number, timeoutMs: number | null, share: number): number;
  /** Chance that it needs longer than `ms` more. */
  chanceBeyond(ageMs: number, ms: number): number;
  /** Of a task met at a random moment of its run: long ones are met more often. */
  residual(random: () => number): number;
}

const assumedMs = [5_000, 15_000, 30_000, 60_000, 120_000, 300_000];

export function taskEnds(taskMs: readonly number[]): TaskEnds {
  const sorted = [...(taskMs.length > 0 ? taskMs : assumedMs)].sort((a, b) => a - b);
  const sums: number[] = [];
  for (const ms of sorted) sums.push((sums.at(-1) ?? 0) + ms);
  const total = sums.at(-1) ?? 0;
  const longest = sorted.at(-1) ?? 0;
  const firstAbove = (ms: number) => lowerBound(sorted, ms);
  return {
    measured: taskMs.length,
    remaining(ageMs, timeoutMs, share) {
      const from = firstAbove(ageMs);
      // Older than any that was ever measured: about as much again, and never past its own limit.
      if (from >= sorted.length) return Math.max(0, Math.min(ageMs, (timeoutMs ?? Infinity) - ageMs));
      const place = from + Math.min(sorted.length - from - 1, Math.floor(share * (sorted.length - from)));
      return Math.max(0, (sorted[place] ?? longest) - ageMs);
    },
    chanceBeyond(ageMs, ms) {
      const from = firstAbove(ageMs);
      if (from >= sorted.length) return 1;
      return (sorted.length - firstAbove(ageMs + ms)) / (sorted.length - from);
    },
    residual(random) {
      const place = lowerBound(sums, random() * total);
      return (sorted[Math.min(place, sorted.length - 1)] ?? 0) * random();
    },
  };
}

/** Index of the first element above `value`. */
function lowerBound(sorted: readonly number[], value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? 0) <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}
