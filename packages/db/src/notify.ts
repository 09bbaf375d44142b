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
  /** An id of live_events. */
  live: "valet_live",
} as const;

/** Sends at commit; the same payload twice in one transaction arrives once. */
export async function notify(sql: Sql, channel: keyof typeof channels, payloads: readonly string[]): Promise<void> {
  if (payloads.length === 0) return;
  await sql.query("SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS payload", [
    channels[channel],
    [...new Set(payloads)],
  ]);
}
