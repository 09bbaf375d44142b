import type { LeaseTimes } from "@valet/shared";
import type { Tx } from "../sql.ts";
import { notBuilt } from "../not-built.ts";

/** Assignments that nobody acknowledged in time go back to the queue at no cost; three in a row quarantine the sandbox. */
export async function expireUnacknowledged(
  _tx: Tx,
  _times: LeaseTimes,
): Promise<{ requeued: string[]; quarantined: string[] }> {
  return notBuilt();
}
export interface LeaseExpiry {
  /** Tasks whose attempts were given up. */
  expired: string[];
  /** Set when leases ran out but nothing was given up, and why. */
  held: { count: number; open: number; reason: "mass_expiry" | "grace" | "api_away" } | null;
}
/** Gives up attempts whose leases ran out; holds when it looks like our own fault (F59). */
export async function expireLeases(_tx: Tx, _times: LeaseTimes): Promise<LeaseExpiry> {
  return notBuilt();
}
/** Tasks that waited longer than their queueTimeoutMs. */
export async function expireQueued(_tx: Tx): Promise<string[]> {
  return notBuilt();
}
