import type { DrainDeadlineAction, FailureAction, HostOrder, Strategy } from "./states.ts";

/** How a deploy proceeds. Defaults are the guide's sections 6 and 7 plus ARCHITECTURE, Deploys. */
export interface RolloutKnobs {
  strategy: Strategy;
  order: HostOrder;
  /** Hosts changed at once. */
  maxParallel: number;
  /** Hosts that our own doing may have out of service at once. */
  maxUnavailable: number;
  /** A new generation must be healthy this long before it is verified. */
  minHealthyMs: number;
  healthyDeadlineMs: number;
  /** No host may take longer than this without progress; paused and draining time do not count. */
  progressDeadlineMs: number;
  failureAction: FailureAction;
  drainTimeoutMs: number;
  drainPollMs: number;
  drainDeadlineAction: DrainDeadlineAction;
  /** How long the old generation stays warm after a deploy completed. */
  rollbackWindowMs: number;
}

export function defaultKnobs(order: HostOrder = "start-first"): RolloutKnobs {
  return {
    strategy: "rolling",
    order,
    maxParallel: 1,
    maxUnavailable: order === "start-first" ? 0 : 1,
    minHealthyMs: 5_000,
    healthyDeadlineMs: 60_000,
    progressDeadlineMs: 3_600_000,
    failureAction: "rollback",
    drainTimeoutMs: 300_000,
    drainPollMs: 5_000,
    drainDeadlineAction: order === "start-first" ? "wait" : "pause",
    rollbackWindowMs: 1_800_000,
  };
}
