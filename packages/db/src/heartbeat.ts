import type { GenerationState, LeaseTimes, Result } from "@valet/shared";
import type { Tx } from "./sql.ts";
import type { SlotPlanRow } from "./slot-plan.ts";
import { notBuilt } from "./not-built.ts";

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
  slots: { index: number; state: "preparing" | "ready" | "busy" | "closed" }[];
  attempts: (AttemptKey & { confirmedAgoMs: number; frozen: boolean })[];
}
/** The contract's Heartbeat fits. */
export interface HeartbeatInput {
  generations: GenerationInput[];
  attempts: AttemptKey[];
  agentReachable: boolean;
}
export interface HeartbeatResult {
  renewed: AttemptKey[];
  lost: AttemptKey[];
  cancel: AttemptKey[];
  plan: SlotPlanRow;
}
export interface SessionClosed {
  kind: "session_closed";
  message: string;
}

/** Takes in what one sandbox reports: renews leases, follows slots and generations, hands slots over, proves deaths. */
export async function applyHeartbeat(
  _tx: Tx,
  _input: { sandboxId: string; sessionId: string; heartbeat: HeartbeatInput; times: LeaseTimes },
): Promise<Result<HeartbeatResult, SessionClosed>> {
  return notBuilt();
}
