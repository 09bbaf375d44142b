/** Places for hosts to move in at the same time; each is free from some moment on. */
export interface FreeLanes {
  soonest(): number;
  /** Fills the lane that is free soonest until `until`. */
  take(until: number): void;
}

/** A heap: ten thousand lanes cost as little to choose from as ten. */
export function makeLanes(count: number, from: number): FreeLanes {
  const free = new Float64Array(Math.max(1, count)).fill(from);
  const at = (index: number): number => free[index] ?? Infinity;
  return {
    soonest: () => at(0),
    take(until) {
      let index = 0;
      for (;;) {
        const left = 2 * index + 1;
        const smaller = at(left + 1) < at(left) ? left + 1 : left;
        if (at(smaller) >= until) break;
        free[index] = at(smaller);
        index = smaller;
      }
      free[index] = until;
    },
  };
}
