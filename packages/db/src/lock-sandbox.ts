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
  return (await lockSandboxes(tx, [sandboxId])).get(sandboxId);
}

/** The same for many, in the order of their ids. */
export async function lockSandboxes(tx: Tx, sandboxIds: readonly string[]): Promise<Map<string, LockedSandbox>> {
  const { rows } = await tx.query<LockedSandbox>(
    `SELECT id, capacity, reachable, target_generation AS target, target_slots AS "targetSlots"
     FROM sandboxes WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE`,
    [sandboxIds],
  );
  return new Map(rows.map((row) => [row.id, row]));
}
