import type { MetricResult } from "./model.ts";

/** A metric's verdict on its own. `isPending`: attempts of this look still run, and could turn it into a failure. */
export type Judged = MetricResult & { isPending: boolean };

export interface LookAt {
  /** What this look may spend on this metric. */
  alpha: number;
  isLast: boolean;
  /** Values or ended tasks each arm needs for a success. */
  minSample: number;
}
