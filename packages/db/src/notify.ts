import type { Sql } from "./sql.ts";

/** NOTIFY channels: what each payload is. */
export const channels = {
  /** No payload: a task or a slot became free. */
  assign: "valet_assign",
  /** A sandbox id: its assignments, cancels or plan changed. */
  sandbox: "valet_sandbox",
  /** A deploy id. */
  deploy: "valet_deploy",
  /** A sandbox id: there is a request for its agent to take. */
  relay: "valet_relay",
  /** An id of agent_relays: its answer is there. */
  relayAnswer: "valet_relay_answer",
  /** Ids of live_events, separated by commas. */
  live: "valet_live",
} as const;

/**
 * SQL that tells the dashboards of the live_events whose `id` the relation `from` has, many at a time: every notification is a
 * lock on the whole cluster at commit. Gives one row, `told`; 256 ids stay far below the longest payload.
 */
export function tellLive(from: string): string {
  return `SELECT count(pg_notify('valet_live', ids)) AS told
    FROM (SELECT string_agg(id::text, ',' ORDER BY id) AS ids FROM ${from} GROUP BY id / 256) AS groups`;
}

/** Sends at commit; the same payload twice in one transaction arrives once. */
export async function notify(sql: Sql, channel: keyof typeof channels, payloads: readonly string[]): Promise<void> {
  if (payloads.length === 0) return;
  await sql.query("SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS payload", [
    channels[channel],
    [...new Set(payloads)],
  ]);
}
