import type { HostOrder } from "@valet/shared";
import type { Durations } from "./plan-input.ts";

/** What one run believes that the change of a host takes, ms. */
export interface ChangeTimes {
  draw(random: () => number): number;
  /** Of `count` of them together: drawn by their mean and spread, which is all that a sum of very many shows. */
  drawSum(count: number, random: () => number): number;
  mean: number;
}

/** Boot, probe and hand-over where nothing was measured yet; said to be assumed. */
const assumedMs: Record<HostOrder, readonly number[]> = {
  "start-first": [6_000, 9_000, 12_000, 18_000, 30_000, 45_000],
  "stop-first": [8_000, 12_000, 16_000, 24_000, 40_000, 60_000],
};

/** Shortest first. */
export function measuredChanges({ changes }: Durations, order: HostOrder): Float64Array {
  const own = changes.filter((one) => one.order === order).map((one) => one.ms);
  return Float64Array.from(own.length > 0 ? own : assumedMs[order]).sort();
}

const mostBelieved = 200;

/**
 * A run first draws which of the measured ones it believes in (a bootstrap): few measurements give wide answers. And one more, longer
 * than all that were measured: of n + 1 changes, each is equally likely to be the longest. Without it, a few quick changes would
 * promise that none is ever slow.
 */
export function believe(sorted: Float64Array, random: () => number): ChangeTimes {
  const pick = (of: Float64Array): number => of[Math.floor(random() * of.length)] ?? 0;
  const count = Math.min(sorted.length, mostBelieved);
  const believed = new Float64Array(count + 1);
  for (let place = 0; place < count; place += 1) believed[place] = pick(sorted);
  const longest = sorted.at(-1) ?? 0;
  const spread = longest - (sorted[Math.floor(sorted.length / 2)] ?? 0);
  believed[count] = longest + spread * -Math.log(1 - random()) * 0.2;
  const mean = believed.reduce((sum, ms) => sum + ms, 0) / believed.length;
  const variance = believed.reduce((sum, ms) => sum + (ms - mean) ** 2, 0) / believed.length;
  return {
    mean,
    draw: (from) => believed[Math.floor(from() * believed.length)] ?? 0,
    drawSum: (of, from) => Math.max(0, of * mean + Math.sqrt(of * variance) * normal(from)),
  };
}

/** Box–Muller. */
function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
