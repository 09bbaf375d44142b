import type { LeaseTimes, Result } from "@valet/shared";
import type { Tx } from "../sql.ts";
import type { AttemptKey } from "../heartbeat.ts";
import { notBuilt } from "../not-built.ts";

export interface StaleFence {
  kind: "stale_fence";
  message: string;
}
export interface Acknowledged {
  attempt: number;
  leaseExpiresInMs: number;
}
/** The sandbox took the attempt: task `running`, slot `occupied`. Again for the same open attempt: the same answer. */
export async function acknowledge(
  _tx: Tx,
  _input: { sandboxId: string; ref: AttemptKey; times: LeaseTimes },
): Promise<Result<Acknowledged, StaleFence>> {
  return notBuilt();
}
/** The same for many at once; what is not in the answer was stale. */
export async function acknowledgeMany(
  _tx: Tx,
  _input: { sandboxId: string; refs: readonly AttemptKey[]; times: LeaseTimes },
): Promise<Map<string, Acknowledged>> {
  return notBuilt();
}
