import type { Tx } from "./sql.ts";
import { notBuilt } from "./not-built.ts";

/**
 * Start-first: when the target generation has a spare browser ready, one free slot of another generation becomes its.
 * Returns how many slots moved (0 or 1). The new owner prepares the next spare, and the next call moves the next slot.
 */
export async function handOverSlots(_tx: Tx, _sandboxId: string): Promise<number> {
  return notBuilt();
}
