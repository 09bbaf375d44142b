/** Places for hosts to move in at the same time; each is free from some moment on. */
export interface FreeLanes {
  soonest(): number;
  /** Fills the lane that is free soonest until `until`. */
  take(until: number): void;
  /** Puts off all of them by as much. */
  shift(ms: number): void;
}

/** A heap: ten thousand lanes cost as little to choose from as ten. */
export function makeLanes(count: number, from: number): FreeLanes {
  const free = new Float64Array(Math.max(1, count)).fill(from);
  const { length } = free;
  return {
    soonest: () => free[0] ?? Infinity,
    take(until) {
      let index = 0;
      for (let child = 1; child < length; child = 2 * index + 1) {
        let least = free[child] ?? Infinity;
        const right = free[child + 1] ?? Infinity;
        if (right < least) {
          child += 1;
          least = right;
        }
        if (least >= until) break;
        free[index] = least;
        index = child;
      }
      free[index] = until;
    },
    shift(ms) {
      for (let index = 0; index < length; index += 1) free[index] = (free[index] ?? 0) + ms;
    },
  };
}
