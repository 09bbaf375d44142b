import type { LeaseTimes } from "@valet/shared";
import type { Sql } from "./sql.ts";
import { notBuilt } from "./not-built.ts";

/**
 * Proof that a part of the control plane was awake; call it every `heartbeatMs` from each control worker and each API.
 * A gap of more than two heartbeats in either kind gives every lease its full time again.
 */
export async function beat(
  _sql: Sql,
  _who: { kind: "control" | "api"; id: string },
  _times: LeaseTimes,
): Promise<void> {
  return notBuilt();
}
