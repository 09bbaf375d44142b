import type { LeaseTimes, Result } from "@valet/shared";
import type { Tx } from "../sql.ts";
import type { AttemptKey } from "../heartbeat.ts";
import { notBuilt } from "../not-built.ts";

export interface PermitRefused {
  kind: "stale_fence" | "lease_expired" | "cancel_requested" | "wrong_boot" | "used_up";
  message: string;
}
/**
 * Leave for one write step. Needs the newest fence, a live lease and the boot that the attempt runs under. A step whose
 * permit was granted before gets none again (F60), except that an unanswered ask may be repeated while it is usable.
 */
export async function grantPermit(
  _tx: Tx,
  _input: { sandboxId: string; ref: AttemptKey; stepIndex: number; workerBootId: string; times: LeaseTimes },
): Promise<Result<{ permitId: string; usableForMs: number }, PermitRefused>> {
  return notBuilt();
}
