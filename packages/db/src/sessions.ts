import { announceSandboxes } from "./announce.ts";
import { lockSandbox } from "./lock-sandbox.ts";
import { notify } from "./notify.ts";
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

/** Opens the one live session of a sandbox; the one before it is closed in the same moment. The sandbox becomes reachable. */
export async function openSession(
  tx: Tx,
  input: { sandboxId: string; bootId: string; version: string; wire: number },
): Promise<SessionRow> {
  if (!(await lockSandbox(tx, input.sandboxId))) throw new Error(`there is no sandbox ${input.sandboxId}`);
  await tx.query("UPDATE sessions SET closed_at = now() WHERE sandbox_id = $1 AND closed_at IS NULL", [
    input.sandboxId,
  ]);
  const { rows } = await tx.query<SessionRow>(
    `INSERT INTO sessions (sandbox_id, boot_id, version, wire) VALUES ($1, $2, $3, $4) RETURNING ${columns}`,
    [input.sandboxId, input.bootId, input.version, input.wire],
  );
  await tx.query("UPDATE sandboxes SET reachable = true, last_seen_at = now() WHERE id = $1", [input.sandboxId]);
  await announceSandboxes(tx, [input.sandboxId]);
  // The replaced session's long-poll ends; waiting tasks may go here.
  await notify(tx, "sandbox", [input.sandboxId]);
  await notify(tx, "assign", [""]);
  const row = rows[0];
  if (!row) throw new Error("opening a session returned no row");
  return row;
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
