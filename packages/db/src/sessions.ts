import { lockSandboxes } from "./lock-sandbox.ts";
import { notify, tellLive } from "./notify.ts";
import type { Sql, Tx } from "./sql.ts";

export interface SessionRow {
  id: string;
  sandboxId: string;
  bootId: string;
  version: string;
  wire: number;
  openedAt: Date;
  lastHeartbeatAt: Date;
}

const columns = `id, sandbox_id AS "sandboxId", boot_id AS "bootId", version, wire, opened_at AS "openedAt",
  last_heartbeat_at AS "lastHeartbeatAt"`;

export interface OpenedSession extends SessionRow {
  sandboxName: string;
}
export interface SessionOpening {
  sandboxId: string;
  bootId: string;
  version: string;
  wire: number;
}

/** Opens the one live session of a sandbox; the one before it is closed in the same moment. The sandbox becomes reachable. */
export async function openSession(tx: Tx, input: SessionOpening): Promise<OpenedSession> {
  const [row] = await openSessions(tx, [input]);
  if (!row) throw new Error("opening a session returned no row");
  return row;
}

/** The same for many, in their order: after an outage a fleet opens its sessions together. */
export async function openSessions(tx: Tx, inputs: readonly SessionOpening[]): Promise<OpenedSession[]> {
  const opened = new Map<SessionOpening, OpenedSession>();
  for (let rest = [...inputs]; rest.length > 0; rest = rest.filter((one) => !opened.has(one))) {
    // Of two openings of one sandbox the later one closes the earlier.
    const firsts = [...new Map(rest.toReversed().map((one) => [one.sandboxId, one])).values()];
    const rows = new Map((await openDifferent(tx, firsts)).map((row) => [row.sandboxId, row]));
    for (const one of firsts) {
      const row = rows.get(one.sandboxId);
      if (!row) throw new Error(`opening a session of sandbox ${one.sandboxId} returned no row`);
      opened.set(one, row);
    }
  }
  return inputs.flatMap((one) => opened.get(one) ?? []);
}

/** Of different sandboxes. The replaced sessions' long-polls end; waiting tasks may go here. */
async function openDifferent(tx: Tx, inputs: readonly SessionOpening[]): Promise<OpenedSession[]> {
  const ids = inputs.map((one) => one.sandboxId);
  const locked = await lockSandboxes(tx, ids);
  const unknown = ids.find((id) => !locked.has(id));
  if (unknown !== undefined) throw new Error(`there is no sandbox ${unknown}`);
  const { rows } = await tx.query<OpenedSession>(
    `WITH want AS (SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::int[]) AS w (sandbox_id, boot_id, version, wire)),
     closed AS (
       UPDATE sessions SET closed_at = now() WHERE sandbox_id = ANY ($1::uuid[]) AND closed_at IS NULL RETURNING 1),
     opened AS (
       -- Counting makes it wait for the closing: a sandbox has one live session.
       INSERT INTO sessions (sandbox_id, boot_id, version, wire)
       SELECT want.* FROM want, (SELECT count(*) FROM closed) AS after_closing RETURNING ${columns}),
     seen AS (UPDATE sandboxes SET reachable = true, last_seen_at = now() WHERE id = ANY ($1::uuid[])),
     live AS (
       INSERT INTO live_events (type, audience, payload)
       SELECT 'sandbox_update', 'admin', jsonb_build_object('sandboxId', id, 'status', state)
       FROM sandboxes WHERE id = ANY ($1::uuid[]) RETURNING id),
     told AS (${tellLive("live")}),
     woken AS (
       SELECT count(pg_notify('valet_sandbox', sandbox_id::text)), count(pg_notify('valet_assign', '')) FROM want)
     SELECT opened.*, s.name AS "sandboxName" FROM opened JOIN sandboxes s ON s.id = opened."sandboxId", told, woken`,
    [ids, inputs.map((one) => one.bootId), inputs.map((one) => one.version), inputs.map((one) => one.wire)],
  );
  return rows;
}

/** The session while it is the live one of its sandbox; undefined once closed or replaced. */
export async function liveSession(sql: Sql, sessionId: string): Promise<SessionRow | undefined> {
  const { rows } = await sql.query<SessionRow>(`SELECT ${columns} FROM sessions WHERE id = $1 AND closed_at IS NULL`, [
    sessionId,
  ]);
  return rows[0];
}

/** A sign of life outside of a heartbeat. False: closed or replaced. */
export async function touchSession(sql: Sql, sessionId: string): Promise<boolean> {
  const { rowCount } = await sql.query(
    "UPDATE sessions SET last_heartbeat_at = now() WHERE id = $1 AND closed_at IS NULL",
    [sessionId],
  );
  return rowCount === 1;
}

/** Ended by its sandbox worker. False: it was closed or replaced before. */
export async function closeSession(tx: Tx, sessionId: string): Promise<boolean> {
  const { rows } = await tx.query<{ sandboxId: string }>(
    `UPDATE sessions SET closed_at = now() WHERE id = $1 AND closed_at IS NULL RETURNING sandbox_id AS "sandboxId"`,
    [sessionId],
  );
  if (!rows[0]) return false;
  await tx.query(
    `UPDATE sandboxes SET last_seen_at = (SELECT last_heartbeat_at FROM sessions WHERE id = $2) WHERE id = $1`,
    [rows[0].sandboxId, sessionId],
  );
  await notify(tx, "sandbox", [rows[0].sandboxId]);
  return true;
}
