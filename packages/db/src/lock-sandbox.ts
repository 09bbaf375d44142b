import type { Tx } from "./sql.ts";

/** What a locked sandbox says about where its slots go. */
export interface LockedSandbox {
  id: string;
  capacity: number;
  reachable: boolean;
  target: number | null;
  /** At most this many slots are the target's; null: all. */
  targetSlots: number | null;
}

/**
 * Takes the one lock that orders everything on a sandbox: heartbeat, acknowledge, completion, hand-over, cordon; reserve
 * shares it. Locks are always taken sandbox (by id) → slots → tasks, so nobody waits in a circle.
 */
export async function lockSandbox(tx: Tx, sandboxId: string): Promise<LockedSandbox | undefined> {
  const { rows } = await tx.query<LockedSandbox>(
    `SELECT id, capacity, reachable, target_generation AS target, target_slots AS "targetSlots" FROM sandboxes WHERE id = $1 FOR NO KEY UPDATE`,
    [sandboxId],
  );
  return rows[0];
}
