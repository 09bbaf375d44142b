/** Durations of one phase, by kind of call. */
export interface Durations {
  add(kind: string, ms: number): void;
  percentileMs(kind: string, share: number): number | null;
  count(kind: string): number;
  kinds(): string[];
}

export function makeDurations(): Durations {
  const byKind = new Map<string, number[]>();
  return {
    add(kind, ms) {
      const list = byKind.get(kind) ?? [];
      list.push(ms);
      byKind.set(kind, list);
    },
    percentileMs: (kind, share) => percentileMs(byKind.get(kind) ?? [], share),
    count: (kind) => byKind.get(kind)?.length ?? 0,
    kinds: () => [...byKind.keys()].sort(),
  };
}

/** Nearest rank; null for nothing. */
export function percentileMs(list: readonly number[], share: number): number | null {
  if (list.length === 0) return null;
  const sorted = list.toSorted((a, b) => a - b);
  const value = sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? 0;
  return Math.round(value * 10) / 10;
}
