import { openSealed } from "@valet/contracts/node";
import { type AgentAddressRow, type Database, agentAddressRows } from "@valet/db";
import type { AgentAddress } from "@valet/rollout";
import { type Clock, Secret } from "@valet/shared";

const keptMs = 5_000;

interface Known {
  row: AgentAddressRow;
  address: AgentAddress;
  untilMs: number;
}

/**
 * Where each sandbox's agent is and the key that is its alone, read from the database and kept for a few seconds. What is asked for
 * in one moment is read together: a fleet's watch asks for many at once.
 */
export function makeAgentAddresses(
  db: Database,
  sealKey: Secret,
  clock: Clock,
): (sandboxId: string) => Promise<AgentAddress | null> {
  const known = new Map<string, Known>();
  const look = makeLookup(db);
  return async (sandboxId) => {
    const kept = known.get(sandboxId);
    if (kept && kept.untilMs > clock.now()) return kept.address;
    known.delete(sandboxId);
    const row = await look(sandboxId);
    if (!row) return null;
    const address = kept && isSame(kept.row, row) ? kept.address : addressOf(row, sealKey);
    known.set(sandboxId, { row, address, untilMs: clock.now() + keptMs });
    return address;
  };
}

function addressOf(row: AgentAddressRow, sealKey: Secret): AgentAddress {
  const key = openSealed(sealKey, row.id, row.sealedAgentKey);
  if (!key.ok) throw new Error(`the agent key of ${row.name}: ${key.error}`);
  const host = row.publicIp.includes(":") ? `[${row.publicIp}]` : row.publicIp;
  return { url: `http://${host}:${row.agentPort}`, key: new Secret(key.value) };
}

function isSame(a: AgentAddressRow, b: AgentAddressRow): boolean {
  return a.publicIp === b.publicIp && a.agentPort === b.agentPort && a.sealedAgentKey === b.sealedAgentKey;
}

function makeLookup(db: Database): (id: string) => Promise<AgentAddressRow | undefined> {
  let next: { ids: Set<string>; rows: Promise<Map<string, AgentAddressRow>> } | null = null;
  const read = async (ids: ReadonlySet<string>) => {
    await new Promise((resolve) => setImmediate(resolve));
    next = null;
    return new Map((await agentAddressRows(db, [...ids])).map((row) => [row.id, row]));
  };
  return async (id) => {
    if (!next) {
      const ids = new Set<string>();
      next = { ids, rows: read(ids) };
    }
    next.ids.add(id);
    return (await next.rows).get(id);
  };
}
