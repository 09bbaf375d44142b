import type { DrainDeadlineAction, FailureAction, HostOrder, Strategy } from "./states.ts";

/** A number of hosts, or a share of those the deploy concerns: `2` or `"25%"`. */
export type HostCount = number | `${number}%`;

/** One step of a canary: how far it reaches, how long it bakes there before the next. */
export interface CanaryStep {
  /** Hosts that have the new release by now, counted from the first. */
  hosts: HostCount;
  /** Share of each of those hosts' slots that take new work on it, 1–100. */
  taskSharePct: number;
  bakeMs: number;
}

/** How a deploy proceeds. Defaults are the guide's sections 6 and 7 plus ARCHITECTURE, Deploys. */
export interface RolloutKnobs {
  strategy: Strategy;
  order: HostOrder;
  /** Hosts changed at once. A share is rounded down, but is at least one. */
  maxParallel: HostCount;
  /** Hosts that our own doing may have out of service at once. A share is rounded down. */
  maxUnavailable: HostCount;
  /** Canary only: its steps; after the last the rest follows as in rolling. */
  canarySteps: CanaryStep[];
  /** Go on by itself after a canary step or before the blue-green switch; false: wait for promote. */
  autoPromote: boolean;
  /** Canary: compare the candidate with the control at each look, and let the verdict decide. */
  analyse: boolean;
  /** A failed analysis rolls back; false: it pauses. Hosts that fail are `failureAction`'s business. */
  autoRevert: boolean;
  /** False: old and new never run at once on a host, so the order is always stop-first. */
  mayOverlap: boolean;
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
    canarySteps: [{ hosts: 1, taskSharePct: 100, bakeMs: 600_000 }],
    autoPromote: true,
    analyse: true,
    autoRevert: true,
    mayOverlap: true,
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

/** How many of `total` hosts a count means. Shares round down, so that a limit is never exceeded. */
export function hostsOf(count: HostCount, total: number, atLeast: 0 | 1 = 0): number {
  const wanted = typeof count === "number" ? count : Math.floor((Number.parseFloat(count) / 100) * total);
  return Math.max(atLeast, wanted);
}
