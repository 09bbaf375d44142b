import { openSealed } from "@valet/contracts/node";
import { type Database, getSandbox } from "@valet/db";
import type { AgentAddress } from "@valet/rollout";
import { type Clock, Secret } from "@valet/shared";

const keptMs = 5_000;

/** Where each sandbox's agent is and the key that is its alone, read from the database and kept for a few seconds. */
export function makeAgentAddresses(
  db: Database,
  sealKey: Secret,
  clock: Clock,
): (sandboxId: string) => Promise<AgentAddress | null> {
  const known = new Map<string, { address: AgentAddress; untilMs: number }>();
  return async (sandboxId) => {
    const kept = known.get(sandboxId);
    if (kept && kept.untilMs > clock.now()) return kept.address;
    known.delete(sandboxId);
    const row = await getSandbox(db, sandboxId);
    if (!row || row.state === "terminated") return null;
    const key = openSealed(sealKey, row.id, row.sealedAgentKey);
    if (!key.ok) throw new Error(`the agent key of ${row.name}: ${key.error}`);
    const host = row.publicIp.includes(":") ? `[${row.publicIp}]` : row.publicIp;
    const address = { url: `http://${host}:${row.agentPort}`, key: new Secret(key.value) };
    known.set(sandboxId, { address, untilMs: clock.now() + keptMs });
    return address;
  };
}
