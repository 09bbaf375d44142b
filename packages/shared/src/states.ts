/**
 * Every list of states, once. zod schemas, SQL constraints, buttons and docs derive from these tuples.
 * The legal moves between them are in transitions.ts.
 */
export const sandboxStates = [
  "provisioning",
  "active",
  "deploying",
  "unhealthy",
  "stopped",
  "terminating",
  "terminated",
] as const;
export type SandboxState = (typeof sandboxStates)[number];

/** `renewing` means: between two tasks, the clean context and page are being made. */
export const slotStates = ["offline", "accepting", "reserved", "occupied", "renewing"] as const;
export type SlotState = (typeof slotStates)[number];

export const generationStates = ["starting", "serving", "draining", "warm", "ended"] as const;
export type GenerationState = (typeof generationStates)[number];

export const deployStates = [
  "awaiting_trigger",
  "awaiting_approval",
  "queued",
  "in_progress",
  "paused",
  "baking",
  "completed",
  "failed",
  "aborting",
  "aborted",
  "superseded",
  "rolling_back",
  "rollback_paused",
  "rolled_back",
] as const;
export type DeployState = (typeof deployStates)[number];

export const hostStepStates = [
  "pending",
  "starting",
  "cordoned",
  "draining",
  "replacing",
  "verifying",
  "handing_over",
  "updated",
  "rolling_back",
  "rolled_back",
  "failed",
  "skipped",
] as const;
export type HostStepState = (typeof hostStepStates)[number];

export const taskStates = [
  "queued",
  "assigned",
  "running",
  "paused",
  "needs_human",
  "needs_review",
  "completed",
  "failed",
  "cancelled",
  "timed_out",
  "expired",
] as const;
export type TaskState = (typeof taskStates)[number];

/** How one attempt of a task ended; null in the database while it has not. */
export const attemptOutcomes = [
  "completed",
  "failed",
  "cancelled",
  "timed_out",
  "unacknowledged",
  "interrupted",
  "lost",
] as const;
export type AttemptOutcome = (typeof attemptOutcomes)[number];

export const environments = ["dev", "staging", "production"] as const;
export type Environment = (typeof environments)[number];

export const services = ["ghosthands", "valet-worker", "agent", "valet-control", "valet-api", "valet-web"] as const;
export type Service = (typeof services)[number];

export const roles = ["client", "viewer", "operator", "admin"] as const;
export type Role = (typeof roles)[number];

export const strategies = ["rolling", "canary", "blue-green"] as const;
export type Strategy = (typeof strategies)[number];

export const hostOrders = ["start-first", "stop-first"] as const;
export type HostOrder = (typeof hostOrders)[number];

export const failureActions = ["pause", "continue", "rollback"] as const;
export type FailureAction = (typeof failureActions)[number];

export const drainDeadlineActions = ["wait", "requeue", "force", "pause"] as const;
export type DrainDeadlineAction = (typeof drainDeadlineActions)[number];

export const cordonHolderKinds = ["operator", "deploy", "health"] as const;
export type CordonHolderKind = (typeof cordonHolderKinds)[number];

export const stepEffects = ["read", "write"] as const;
export type StepEffect = (typeof stepEffects)[number];

export const browserEngines = ["chromium", "adspower"] as const;
export type BrowserEngine = (typeof browserEngines)[number];
