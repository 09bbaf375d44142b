import type { GenerationState } from "../states.ts";

/** One attempt as both sides name it. */
export interface AttemptKey {
  taskId: string;
  fence: number;
  leaseId: string;
}
export interface GenerationInput {
  generation: number;
  imageTag: string;
  imageDigest: string;
  state: GenerationState;
  reachable: boolean;
  workerBootId: string | null;
  accepting: boolean;
  spareReady: boolean;
  slots: readonly { index: number; state: "preparing" | "ready" | "busy" | "closed" }[];
  attempts: readonly (AttemptKey & { confirmedAgoMs: number; frozen: boolean })[];
}
/** The contract's Heartbeat fits. */
export interface HeartbeatInput {
  generations: readonly GenerationInput[];
  attempts: readonly AttemptKey[];
  agentReachable: boolean;
}
/** Which generation owns which slot; the same shape as the contract's SlotPlan. */
export interface SlotPlanRow {
  /** Grows with every change. */
  revision: number;
  /** Where freed slots go. */
  target: number | null;
  slots: { index: number; generation: number | null }[];
  /** A cordon stands: nothing new is to start there. */
  draining: boolean;
}
export interface HeartbeatResult {
  renewed: AttemptKey[];
  lost: AttemptKey[];
  cancel: AttemptKey[];
  plan: SlotPlanRow;
}
