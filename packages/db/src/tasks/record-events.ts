import type { LeaseTimes } from "@valet/shared";
import type { Tx } from "../sql.ts";
import type { AttemptKey } from "../heartbeat.ts";
import { notBuilt } from "../not-built.ts";

/** The contract's SessionEvent fits. */
export interface EventInput extends AttemptKey {
  seq: number;
  type: string;
  at: string;
  data: Record<string, unknown>;
}
export interface EventsResult {
  accepted: { taskId: string; fence: number; throughSeq: number }[];
  stale: AttemptKey[];
}
/** Stores relayed journal entries, once each; `finished` ones end their attempts in the same transaction. */
export async function recordEvents(
  _tx: Tx,
  _input: { sandboxId: string; events: readonly EventInput[]; times: LeaseTimes },
): Promise<EventsResult> {
  return notBuilt();
}
