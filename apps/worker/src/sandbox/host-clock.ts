import { type Clock, systemClock } from "@valet/shared";

/** Wall time, and CLOCK_MONOTONIC as every process of this host sees it: lease times travel between processes. */
export const hostClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => Number(process.hrtime.bigint()) / 1e6,
  sleep: (ms, signal) => systemClock.sleep(ms, signal),
};

/** One moment on both clocks. A deadline counts by the larger of the two elapsed times. */
export interface Moment {
  wallMs: number;
  monoMs: number;
}

export function momentOf(clock: Clock): Moment {
  return { wallMs: clock.now(), monoMs: clock.monotonicMs() };
}
