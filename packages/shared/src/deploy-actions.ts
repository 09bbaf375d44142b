import type { DeployState, TaskState } from "./states.ts";

/** What an operator may ask of a deploy. The dashboard's buttons, the API's guard and the fixtures all read this table. */
export const deployActionNames = [
  "trigger",
  "approve",
  "promote",
  "pause",
  "resume",
  "retry",
  "abort",
  "rollback",
] as const;
export type DeployActionName = (typeof deployActionNames)[number];

/**
 * Action -> the states in which it may be asked. A rollback of a completed deploy does not reopen it: it is a new deploy of
 * the release before.
 */
export const deployActions: Readonly<Record<DeployActionName, readonly DeployState[]>> = {
  trigger: ["awaiting_trigger"],
  /** Always by a person other than the one who asked for the deploy. */
  approve: ["awaiting_approval"],
  /** Goes on past a canary step, a blue-green switch or an inconclusive analysis that waits for a person. */
  promote: ["in_progress", "paused", "baking"],
  pause: ["in_progress", "baking"],
  resume: ["paused", "rollback_paused"],
  retry: ["failed"],
  abort: ["awaiting_trigger", "awaiting_approval", "queued", "in_progress", "paused", "baking", "rollback_paused"],
  rollback: ["in_progress", "paused", "baking", "failed", "completed"],
};

export function canDeployAction(action: DeployActionName, state: DeployState): boolean {
  return deployActions[action].includes(state);
}

export function deployActionsFor(state: DeployState): DeployActionName[] {
  return deployActionNames.filter((action) => canDeployAction(action, state));
}

/** What may be asked of a task. `retry` submits the same work as a new task; `review` settles a doubtful one. */
export const taskActionNames = ["review", "retry", "cancel"] as const;
export type TaskActionName = (typeof taskActionNames)[number];

export const taskActions: Readonly<Record<TaskActionName, readonly TaskState[]>> = {
  review: ["needs_review"],
  retry: ["failed", "cancelled", "timed_out", "expired"],
  cancel: ["queued", "assigned", "running", "paused", "needs_human", "needs_review"],
};

export function taskActionsFor(state: TaskState): TaskActionName[] {
  return taskActionNames.filter((action) => taskActions[action].includes(state));
}
