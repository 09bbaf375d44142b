import type { Tx } from "./sql.ts";

/** Stores the sealed key of a sandbox's agent. The key is sealed under the sandbox's id, so this follows its creation. */
export async function setSealedAgentKey(tx: Tx, sandboxId: string, sealedAgentKey: string): Promise<void> {
  const { rowCount } = await tx.query("UPDATE sandboxes SET agent_key_sealed = $2 WHERE id = $1", [
    sandboxId,
    sealedAgentKey,
  ]);
  if (rowCount !== 1) throw new Error(`there is no sandbox ${sandboxId} to store an agent key for`);
}
