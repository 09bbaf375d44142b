/** The largest (smaller arm × both arms) counted out in full; about 20 ms. Above, the normal curve is close enough. */
export const exactUpTo = 3_000;

/**
 * Mann–Whitney's rank test, one-sided: the probability that the canary's values rank as high as they do or higher, when
 * who ran where made no difference. Equal values share their mean rank. Exact, ties included, for small arms; for larger
 * ones the normal curve with continuity and tie correction. `Infinity` may stand for "longer than all".
 */
export function mannWhitneyOneSided(canary: readonly number[], control: readonly number[]): number {
  if (canary.length === 0 || control.length === 0) return 1;
  const ranked = rankAll(canary, control);
  const all = canary.length + control.length;
  const small = Math.min(canary.length, control.length);
  return small * all <= exactUpTo ? exactTail(ranked, canary.length) : normalTail(ranked, canary.length);
}

interface Ranked {
  /** Twice the mean rank of each value, of both arms, smallest first: whole numbers even with ties. */
  doubledRanks: number[];
  /** Twice the rank sum of the canary. */
  canarySum: number;
  /** How many values are equal, for each group of equal values. */
  ties: number[];
}

function rankAll(canary: readonly number[], control: readonly number[]): Ranked {
  const values = [
    ...canary.map((value) => ({ value, isCanary: true })),
    ...control.map((value) => ({ value, isCanary: false })),
  ].sort((a, b) => (a.value === b.value ? 0 : a.value < b.value ? -1 : 1));
  const ranked: Ranked = { doubledRanks: [], canarySum: 0, ties: [] };
  for (let start = 0; start < values.length;) {
    let end = start;
    while (end < values.length && values[end]?.value === values[start]?.value) end++;
    for (let index = start; index < end; index++) {
      const doubled = start + 1 + end;
      ranked.doubledRanks.push(doubled);
      if (values[index]?.isCanary) ranked.canarySum += doubled;
    }
    ranked.ties.push(end - start);
    start = end;
  }
  return ranked;
}

/** Counts, for the smaller arm, the ways to pick that many ranks with each sum; then the share at least as extreme. */
function exactTail({ doubledRanks, canarySum, ties }: Ranked, canaryCount: number): number {
  const isCanarySmall = canaryCount * 2 <= doubledRanks.length;
  const size = isCanarySmall ? canaryCount : doubledRanks.length - canaryCount;
  const unit = ties.every((count) => count === 1) ? 2 : 1;
  const ranks = doubledRanks.map((rank) => rank / unit);
  const ways = waysToPick(ranks, size);
  const everything = ranks.reduce((sum, rank) => sum + rank, 0);
  const sum = canarySum / unit;
  const tail = isCanarySmall ? ways.subarray(sum) : ways.subarray(0, everything - sum + 1);
  return total(tail) / total(ways);
}

/** For each sum, in how many ways `size` of the ranks (smallest first) add up to it. */
function waysToPick(ranks: number[], size: number): Float64Array {
  const width = total(ranks.slice(-size)) + 1;
  const ways = Array.from({ length: size + 1 }, () => new Float64Array(width));
  ways[0]?.fill(1, 0, 1);
  /** The highest sum that so many picks reach so far. */
  const reach = Array.from({ length: size + 1 }, () => 0);
  ranks.forEach((rank, index) => {
    for (let picked = Math.min(size, index + 1); picked >= 1; picked--) {
      const [to, from] = [ways[picked], ways[picked - 1]];
      if (!to || !from) continue;
      const end = (reach[picked - 1] ?? 0) + rank;
      for (let sum = rank; sum <= end; sum++) to[sum] = (to[sum] ?? 0) + (from[sum - rank] ?? 0);
      reach[picked] = end;
    }
  });
  return ways[size] ?? new Float64Array(width);
}

function total(values: Iterable<number>): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
}

function normalTail({ doubledRanks, canarySum, ties }: Ranked, canaryCount: number): number {
  const all = doubledRanks.length;
  const controlCount = all - canaryCount;
  const wins = canarySum / 2 - (canaryCount * (canaryCount + 1)) / 2;
  const expected = (canaryCount * controlCount) / 2;
  const tied = total(ties.map((count) => count ** 3 - count)) / (all * (all - 1));
  const deviation = Math.sqrt(((canaryCount * controlCount) / 12) * (all + 1 - tied));
  if (deviation === 0) return 1;
  return normalAbove((wins - expected - 0.5) / deviation);
}

/** The normal curve's area above z: Numerical Recipes' erfc, relative error under 1.2e-7 everywhere. */
export function normalAbove(z: number): number {
  const x = Math.abs(z) / Math.SQRT2;
  const t = 1 / (1 + x / 2);
  const series = erfcTerms.reduceRight((sum, term) => sum * t + term, 0);
  const above = (t * Math.exp(-x * x + series)) / 2;
  return z >= 0 ? above : 1 - above;
}

const erfcTerms = [
  -1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398, 1.48851587, -0.82215223,
  0.17087277,
];
