import type { Environment } from "../states.ts";
import type { LeaseTimes } from "../lease-times.ts";
import type { Placement } from "./placement.ts";

/** Queued tasks that can all go to the same places. */
export interface QueueClass extends Placement {
  environment: Environment;
  key: string;
}
/** A task at the head of its tenant's queue. */
export interface QueueHead {
  taskId: string;
  tenantId: string;
  environment: Environment;
  key: string;
  fence: number;
  avoid: string[];
  /** Its place in the queue: smaller is sooner. */
  queueKey: number;
  lastServed: number;
}
/** A sandbox that may take work now, and its free slots. */
export interface EligibleSandbox {
  id: string;
  environment: Environment;
  labels: Record<string, string>;
  /** Changes with every cordon and plan: a reservation stands only on the revision it was made on. */
  planRevision: number;
  freeSlots: { index: number; generation: number }[];
}
export interface Reservation {
  taskId: string;
  tenantId: string;
  fence: number;
  leaseId: string;
  sandboxId: string;
  slot: number;
  generation: number;
}
export interface ReserveResult {
  reservations: Reservation[];
  /** Call again at once: there may be more tasks that fit free slots. */
  more: boolean;
}

/** A session that was silent for longer gets nothing new. */
export const sessionFreshHeartbeats = 3;

export function freshMs(times: LeaseTimes): number {
  return times.heartbeatMs * sessionFreshHeartbeats;
}
