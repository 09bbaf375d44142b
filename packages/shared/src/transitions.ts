import type { DeployState, GenerationState, HostStepState, SandboxState, SlotState, TaskState } from "./states.ts";

/** state -> states it may move to. A pair that is absent is illegal everywhere: API, SQL and buttons. */
export type TransitionTable<S extends string> = Readonly<Record<S, readonly S[]>>;

export const sandboxTransitions: TransitionTable<SandboxState> = {
  provisioning: ["active", "unhealthy", "terminating"],
  active: ["deploying", "unhealthy", "stopped", "terminating"],
  deploying: ["active", "unhealthy", "terminating"],
  unhealthy: ["active", "deploying", "stopped", "terminating"],
  stopped: ["active", "unhealthy", "terminating"],
  terminating: ["terminated"],
  terminated: [],
};

export const slotTransitions: TransitionTable<SlotState> = {
  offline: ["accepting", "renewing"],
  accepting: ["reserved", "renewing", "offline"],
  reserved: ["occupied", "accepting", "renewing", "offline"],
  occupied: ["renewing", "accepting", "offline"],
  renewing: ["accepting", "offline"],
};

export const generationTransitions: TransitionTable<GenerationState> = {
  starting: ["serving", "ended"],
  serving: ["draining", "ended"],
  draining: ["serving", "warm", "ended"],
  warm: ["serving", "ended"],
  ended: [],
};

export const deployTransitions: TransitionTable<DeployState> = {
  awaiting_trigger: ["awaiting_approval", "queued", "in_progress", "aborted", "superseded"],
  awaiting_approval: ["queued", "in_progress", "aborted", "superseded"],
  // queued -> failed: what it asks for is impossible here; nothing was changed.
  queued: ["in_progress", "failed", "aborted", "superseded"],
  in_progress: ["paused", "baking", "failed", "aborting", "superseded", "rolling_back"],
  paused: ["in_progress", "aborting", "rolling_back", "superseded"],
  baking: ["completed", "paused", "failed", "aborting", "rolling_back", "superseded"],
  completed: [],
  failed: ["in_progress", "rolling_back"],
  aborting: ["aborted"],
  aborted: [],
  superseded: [],
  rolling_back: ["rolled_back", "rollback_paused"],
  rollback_paused: ["rolling_back", "aborting"],
  rolled_back: [],
};

export const hostStepTransitions: TransitionTable<HostStepState> = {
  // pending or skipped -> rolling_back: a superseded deploy left the release that is now taken back on this host.
  pending: ["starting", "cordoned", "skipped", "failed", "rolling_back"],
  // starting -> pending, replacing -> draining: paused before the host had taken the command; it was fenced off.
  starting: ["verifying", "failed", "rolling_back", "pending"],
  cordoned: ["draining", "failed", "rolling_back", "pending"],
  draining: ["replacing", "failed", "rolling_back", "pending"],
  replacing: ["verifying", "failed", "rolling_back", "draining"],
  verifying: ["handing_over", "updated", "failed", "rolling_back"],
  handing_over: ["updated", "failed", "rolling_back"],
  // updated -> failed: the new release became unhealthy before the deploy was over.
  updated: ["rolling_back", "failed"],
  rolling_back: ["rolled_back", "failed"],
  rolled_back: [],
  failed: ["pending", "rolling_back"],
  skipped: ["pending", "rolling_back"],
};

export const taskTransitions: TransitionTable<TaskState> = {
  // `completed`: the result of an attempt that was given up arrives late, and nobody else has begun.
  queued: ["assigned", "cancelled", "expired", "completed"],
  assigned: ["running", "queued", "cancelled", "expired"],
  running: ["paused", "needs_human", "needs_review", "completed", "failed", "cancelled", "timed_out", "queued"],
  paused: ["running", "cancelled", "timed_out", "needs_review", "queued", "completed", "failed"],
  needs_human: ["running", "cancelled", "timed_out", "needs_review", "queued", "completed", "failed"],
  needs_review: ["queued", "completed", "failed", "cancelled"],
  completed: [],
  failed: [],
  cancelled: [],
  timed_out: [],
  expired: [],
};

/** True when the table allows `from -> to`. Staying in a state is not a transition. */
export function canMove<S extends string>(table: TransitionTable<S>, from: S, to: S): boolean {
  return table[from].includes(to);
}

/** The states from which `to` may be entered, for guarded updates: `WHERE state = ANY(...)`. */
export function sourcesOf<S extends string>(table: TransitionTable<S>, to: S): S[] {
  return (Object.keys(table) as S[]).filter((from) => table[from].includes(to));
}

/** States that nothing leaves. */
export function isTerminal<S extends string>(table: TransitionTable<S>, state: S): boolean {
  return table[state].length === 0;
}

/** Task states that hold a lease on a slot. */
export const leasedTaskStates = [
  "assigned",
  "running",
  "paused",
  "needs_human",
] as const satisfies readonly TaskState[];

/** Deploy states that occupy the one-active-deploy place of an environment and service. */
export const activeDeployStates = [
  "in_progress",
  "paused",
  "baking",
  "aborting",
  "rolling_back",
  "rollback_paused",
] as const satisfies readonly DeployState[];
