import type { Sql } from "../sql.ts";
import type { JsonObject } from "../sql.ts";
import type { AttemptKey } from "../heartbeat.ts";
import { notBuilt } from "../not-built.ts";

export interface AssignmentRow extends AttemptKey {
  /** Number the attempt has, or will have once acknowledged. */
  attempt: number;
  slot: number;
  generation: number;
  acknowledged: boolean;
  spec: JsonObject;
}
/** Open attempts of a sandbox; with `unacknowledgedOnly` what its long-poll is to hear about. */
export async function assignmentsFor(
  _sql: Sql,
  _sandboxId: string,
  _options?: { unacknowledgedOnly?: boolean },
): Promise<AssignmentRow[]> {
  return notBuilt();
}
/** Open attempts whose cancellation was asked for. */
export async function cancelsFor(_sql: Sql, _sandboxId: string): Promise<AttemptKey[]> {
  return notBuilt();
}
