import type { Sql } from "./sql.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** What is forgotten, and after how long. Tasks, attempts, deploys and the audit log are kept. */
const rules: readonly { name: string; keepMs: number; sql: string }[] = [
  { name: "live_events", keepMs: dayMs, sql: "live_events WHERE at < $1" },
  { name: "webhook_receipts", keepMs: 30 * dayMs, sql: "webhook_receipts WHERE received_at < $1" },
  { name: "idempotency_keys", keepMs: 7 * dayMs, sql: "idempotency_keys WHERE created_at < $1" },
  { name: "login_links", keepMs: dayMs, sql: "login_links WHERE expires_at < $1" },
  { name: "agent_relays", keepMs: 0, sql: "agent_relays WHERE expires_at < $1" },
  { name: "sessions", keepMs: 7 * dayMs, sql: "sessions WHERE closed_at < $1" },
  {
    name: "slot_changes",
    keepMs: 30 * dayMs,
    // Each slot's last change before that stays: capacity is summed up from it.
    sql: `slot_changes WHERE at < $1 AND EXISTS (
      SELECT 1 FROM slot_changes n WHERE n.sandbox_id = slot_changes.sandbox_id AND n.index = slot_changes.index
        AND n.at > slot_changes.at AND n.at < $1)`,
  },
  {
    name: "control_heartbeats",
    keepMs: dayMs,
    // The newest of its kind stays: without it an absence would look like a first start.
    sql: `control_heartbeats WHERE at < $1
      AND at < (SELECT max(b.at) FROM control_heartbeats b WHERE b.kind = control_heartbeats.kind)`,
  },
];
const mostRowsACall = 10_000;

/** Forgets old rows, at most 10,000 a table and call. Returns how many, by table; tables with none are left out. */
export async function pruneOldRows(sql: Sql): Promise<Record<string, number>> {
  const gone: Record<string, number> = {};
  for (const { name, keepMs, sql: what } of rules) {
    const { rowCount } = await sql.query(
      `DELETE FROM ${name} WHERE ctid IN (
         SELECT ctid FROM ${what.replaceAll("$1", "now() - $1 * interval '1 millisecond'")} LIMIT ${mostRowsACall})`,
      [keepMs],
    );
    if (rowCount > 0) gone[name] = rowCount;
  }
  return gone;
}
