import { drawScript, type DrawOptions } from "./draw.ts";
import type { Violation } from "./laws/law.ts";
import { simulate } from "./simulate.ts";

export interface SweepOptions extends DrawOptions {
  from: number;
  count: number;
  /** Every how many seeds one is taken: workers share a range by turns, so that each gets its part of the slow ones. */
  stride?: number;
  stopAtFirst?: boolean;
  onSeed?: (done: number) => void;
}
export interface FailedSeed {
  seed: number;
  violation: Violation;
}
export interface Swept {
  seeds: number;
  events: number;
  failed: FailedSeed[];
  pairs: string[];
}

/** Lives through many seeds, one after the other. */
export async function sweep(options: SweepOptions): Promise<Swept> {
  const { from, count, stride = 1, stopAtFirst = false, onSeed } = options;
  const pairs = new Set<string>();
  const swept: Swept = { seeds: 0, events: 0, failed: [], pairs: [] };
  for (let seed = from; seed < from + count; seed += stride) {
    const told = await simulate(drawScript(seed, options), { stopAtFirst: true });
    swept.seeds += 1;
    swept.events += told.events;
    for (const pair of told.pairs) pairs.add(pair);
    const violation = told.violations[0];
    if (violation) swept.failed.push({ seed, violation });
    onSeed?.(swept.seeds);
    if (violation && stopAtFirst) break;
  }
  return { ...swept, pairs: [...pairs] };
}

export function joinSwept(parts: readonly Swept[]): Swept {
  return {
    seeds: parts.reduce((sum, one) => sum + one.seeds, 0),
    events: parts.reduce((sum, one) => sum + one.events, 0),
    failed: parts.flatMap((one) => one.failed).sort((a, b) => a.seed - b.seed),
    pairs: [...new Set(parts.flatMap((one) => one.pairs))],
  };
}
