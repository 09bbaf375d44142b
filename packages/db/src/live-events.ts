import { tellLive } from "./notify.ts";
import type { JsonObject, Sql } from "./sql.ts";

/** `payload` is the message of contracts/live.ts without `type` and `eventId`. */
export interface LiveEventRow {
  id: number;
  type: string;
  audience: string;
  payload: JsonObject;
  at: Date;
}
export interface NewLiveEvent {
  type: string;
  /** `admin`, or the tenant that may see it (admins see everything). */
  audience: string;
  payload: JsonObject;
}

/** Stores the events and tells the listeners on commit. */
export async function appendLiveEvents(sql: Sql, events: readonly NewLiveEvent[]): Promise<void> {
  if (events.length === 0) return;
  await sql.query(
    `WITH stored AS (
       INSERT INTO live_events (type, audience, payload)
       SELECT * FROM unnest($1::text[], $2::text[], $3::jsonb[]) RETURNING id)
     ${tellLive("stored")}`,
    [events.map((e) => e.type), events.map((e) => e.audience), events.map((e) => JSON.stringify(e.payload))],
  );
}

const columns = "id, type, audience, payload, at";

/** Events by their ids, in order. */
export async function liveEventsByIds(sql: Sql, ids: readonly number[]): Promise<LiveEventRow[]> {
  const { rows } = await sql.query<LiveEventRow>(
    `SELECT ${columns} FROM live_events WHERE id = ANY($1::bigint[]) ORDER BY id`,
    [ids],
  );
  return rows;
}

interface AfterQuery {
  lastId: number;
  audience?: string;
  limit: number;
}

/** Events behind `lastId`, by their ids. `audience` undefined: an admin, who sees all. */
export async function liveEventsAfter(sql: Sql, query: AfterQuery): Promise<LiveEventRow[]> {
  const { rows } = await sql.query<LiveEventRow>(
    `SELECT ${columns} FROM live_events WHERE id > $1 AND ($2::text IS NULL OR audience = $2) ORDER BY id LIMIT $3`,
    [query.lastId, query.audience ?? null, query.limit],
  );
  return rows;
}

/** How far behind an event one may stand whose transaction took longer. */
const mostLateIds = 10_000;

/**
 * What a client may have missed that has seen `lastId` last: events behind it, and those before it whose transactions were not over
 * when it was written. Some of the latter may be known to the client: an event comes at least once.
 */
export async function liveEventsMissed(sql: Sql, query: AfterQuery): Promise<LiveEventRow[]> {
  const { rows } = await sql.query<LiveEventRow>(
    `SELECT ${columns} FROM live_events
     WHERE id > $1::bigint - $4::bigint AND id <> $1 AND ($2::text IS NULL OR audience = $2)
       AND (id > $1 OR written_by >= (SELECT horizon FROM live_events WHERE id = $1))
     ORDER BY id LIMIT $3`,
    [query.lastId, query.audience ?? null, query.limit, mostLateIds],
  );
  return rows;
}

/** Smallest and largest id kept; both 0 when there are none. A client whose last id is below `oldest - 1` must start afresh. */
export async function liveEventRange(sql: Sql): Promise<{ oldest: number; newest: number }> {
  const { rows } = await sql.query<{ oldest: number; newest: number }>(
    "SELECT coalesce(min(id), 0) AS oldest, coalesce(max(id), 0) AS newest FROM live_events",
  );
  return rows[0] ?? { oldest: 0, newest: 0 };
}

/** Forgets events older than `keepMs`, at most 10,000 a call; returns how many. */
export async function pruneLiveEvents(sql: Sql, keepMs: number): Promise<number> {
  const { rowCount } = await sql.query(
    `DELETE FROM live_events WHERE id IN (
       SELECT id FROM live_events WHERE at < now() - $1 * interval '1 millisecond' ORDER BY id LIMIT 10000)`,
    [keepMs],
  );
  return rowCount;
}
