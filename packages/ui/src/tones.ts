import type {
  AttemptOutcome,
  DeployState,
  GenerationState,
  HostStepState,
  SandboxState,
  TaskState,
} from "@valet/shared";

/** What a state means to the eye. Each tone has its own colour AND its own shape, so colour is never alone. */
export type Tone = "good" | "active" | "waiting" | "attention" | "bad" | "quiet";

export const sandboxTones: Readonly<Record<SandboxState, Tone>> = {
  provisioning: "waiting",
  active: "good",
  deploying: "active",
  unhealthy: "bad",
  stopped: "quiet",
  terminating: "attention",
  terminated: "quiet",
};

export const generationTones: Readonly<Record<GenerationState, Tone>> = {
  starting: "waiting",
  serving: "good",
  draining: "active",
  warm: "waiting",
  ended: "quiet",
};

export const deployTones: Readonly<Record<DeployState, Tone>> = {
  awaiting_trigger: "attention",
  awaiting_approval: "attention",
  queued: "waiting",
  in_progress: "active",
  paused: "attention",
  baking: "active",
  completed: "good",
  failed: "bad",
  aborting: "attention",
  aborted: "quiet",
  superseded: "quiet",
  rolling_back: "attention",
  rollback_paused: "bad",
  rolled_back: "bad",
};

export const hostStepTones: Readonly<Record<HostStepState, Tone>> = {
  pending: "waiting",
  starting: "active",
  cordoned: "active",
  draining: "active",
  replacing: "active",
  verifying: "active",
  handing_over: "active",
  updated: "good",
  rolling_back: "attention",
  rolled_back: "bad",
  failed: "bad",
  skipped: "quiet",
};

export const taskTones: Readonly<Record<TaskState, Tone>> = {
  queued: "waiting",
  assigned: "waiting",
  running: "active",
  paused: "attention",
  needs_human: "attention",
  needs_review: "attention",
  completed: "good",
  failed: "bad",
  cancelled: "quiet",
  timed_out: "bad",
  expired: "bad",
};

export const attemptTones: Readonly<Record<AttemptOutcome, Tone>> = {
  completed: "good",
  failed: "bad",
  cancelled: "quiet",
  timed_out: "bad",
  unacknowledged: "waiting",
  interrupted: "attention",
  lost: "bad",
};

/** `handing_over` -> `handing over`. */
export function words(state: string): string {
  return state.replaceAll("_", " ");
}
