import type { Environment, LeaseTimes } from "@valet/shared";
import type { Tx } from "../sql.ts";
import { notBuilt } from "../not-built.ts";

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
  /** Call again at once: the batch was full, or a row was busy in another transaction. */
  more: boolean;
}
/** Gives queued tasks to free slots, fairly between tenants, at most `limit`, in this transaction. Control worker only. */
export async function reserveTasks(
  _tx: Tx,
  _input: { environment?: Environment; limit: number; times: LeaseTimes },
): Promise<ReserveResult> {
  return notBuilt();
}
