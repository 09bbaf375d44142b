import { beatsMissed } from "@valet/shared";
import type { LeaseTimes } from "@valet/shared";
import type { Sql } from "./sql.ts";

/**
 * Proof that a part of the control plane was awake; call it every `heartbeatMs` from each control worker and each API.
 * A gap of more than two heartbeats in either kind gives every lease its full time again. `control` and `api` are counted
 * apart: while no API is up, no heartbeat can arrive, and nothing may expire.
 */
export async function beat(sql: Sql, who: { kind: "control" | "api"; id: string }, times: LeaseTimes): Promise<void> {
  await sql.query(
    `INSERT INTO control_heartbeats AS mine (id, kind, at, resumed_at)
     SELECT $1, $2, clock_timestamp(),
       CASE WHEN max(at) < clock_timestamp() - $3 * interval '1 millisecond' THEN clock_timestamp() END
     FROM control_heartbeats WHERE kind = $2
     ON CONFLICT (id) DO UPDATE SET at = EXCLUDED.at, resumed_at = coalesce(EXCLUDED.resumed_at, mine.resumed_at)`,
    [who.id, who.kind, times.heartbeatMs * beatsMissed],
  );
}

export interface Availability {
  /** Every lease has its full time from here; null when there was no gap. */
  resumedAt: Date | null;
  /** No API has given a sign lately: heartbeats cannot arrive. False when no API ever did. */
  isApiAway: boolean;
  /** The control plane itself has just come back, and has not beaten yet. */
  isControlAway: boolean;
}

export async function availability(sql: Sql, times: LeaseTimes): Promise<Availability> {
  const { rows } = await sql.query<Availability>(
    `SELECT max(resumed_at) AS "resumedAt",
       coalesce(max(at) FILTER (WHERE kind = 'api') < clock_timestamp() - $1 * interval '1 millisecond', false) AS "isApiAway",
       coalesce(max(at) FILTER (WHERE kind = 'control') < clock_timestamp() - $1 * interval '1 millisecond', false) AS "isControlAway"
     FROM control_heartbeats`,
    [times.heartbeatMs * beatsMissed],
  );
  return rows[0] ?? { resumedAt: null, isApiAway: false, isControlAway: false };
}
