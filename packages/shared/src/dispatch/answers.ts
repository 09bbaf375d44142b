import type { TaskState } from "../states.ts";
import type { AttemptKey } from "./heartbeat-input.ts";

/** What operations on tasks and sessions answer, whichever store does them. */
export interface StaleFence {
  kind: "stale_fence";
  message: string;
}
export interface Acknowledged {
  attempt: number;
  leaseExpiresInMs: number;
}
export interface AssignmentRow extends AttemptKey {
  /** Number the attempt has, or will have once acknowledged. */
  attempt: number;
  slot: number;
  generation: number;
  acknowledged: boolean;
  spec: Record<string, unknown>;
}
export interface SessionClosed {
  kind: "session_closed";
  message: string;
}
export interface UnacknowledgedResult {
  /** Tasks that are back in the queue. */
  requeued: string[];
  /** Sandboxes that get nothing for a while. */
  quarantined: string[];
}
export interface UnknownTask {
  kind: "unknown_task";
  message: string;
}
export interface IllegalTaskMove {
  kind: "illegal_transition";
  from: TaskState;
  to: TaskState;
  message: string;
}
