import type { Tx, Sql } from "./sql.ts";
import { notBuilt } from "./not-built.ts";

export interface SessionRow {
  id: string;
  sandboxId: string;
  bootId: string;
  version: string;
  wire: number;
  openedAt: Date;
  lastHeartbeatAt: Date;
}

/** Opens the one live session of a sandbox; the one before it is closed in the same moment. The sandbox becomes reachable. */
export async function openSession(
  _tx: Tx,
  _input: { sandboxId: string; bootId: string; version: string; wire: number },
): Promise<SessionRow> {
  return notBuilt();
}
/** The session while it is the live one of its sandbox; undefined once closed or replaced. */
export async function liveSession(_sql: Sql, _sessionId: string): Promise<SessionRow | undefined> {
  return notBuilt();
}
/** A sign of life outside of a heartbeat. False: closed or replaced. */
export async function touchSession(_sql: Sql, _sessionId: string): Promise<boolean> {
  return notBuilt();
}
export async function closeSession(_tx: Tx, _sessionId: string): Promise<boolean> {
  return notBuilt();
}
