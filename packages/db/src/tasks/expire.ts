import { leasesToGiveUp, reasonToHold } from "@valet/shared";
import type { AttemptKey, LeaseExpiry, LeaseTimes } from "@valet/shared";
import { availability } from "../beats.ts";
import { lockSandbox } from "../lock-sandbox.ts";
import { tellLive } from "../notify.ts";
import type { Tx } from "../sql.ts";
import { completeAttempts } from "./complete.ts";

interface ExpiredLease extends AttemptKey {
  sandboxId: string;
}

/**
 * Gives up attempts whose leases ran out. Holds when it looks like our own fault (F59): the control plane was away, or too many
 * run out at once, which hosts do not do by themselves.
 */
export async function expireLeases(tx: Tx, times: LeaseTimes): Promise<LeaseExpiry> {
  const { rows } = await tx.query<ExpiredLease & { open: number; isLongGone: boolean }>(
    `WITH open AS (
       SELECT a.*, count(*) OVER () AS total FROM attempts a WHERE a.ended_at IS NULL AND a.acknowledged_at IS NOT NULL)
     SELECT task_id AS "taskId", fence, lease_id AS "leaseId", sandbox_id AS "sandboxId", total AS open,
       lease_expires_at < clock_timestamp() - $1 * interval '1 millisecond' AS "isLongGone"
     FROM open WHERE lease_expires_at < clock_timestamp() ORDER BY sandbox_id, task_id`,
    [times.leaseMs],
  );
  const open = rows[0]?.open ?? 0;
  const reason = rows.length === 0 ? undefined : await readReason(tx, times, rows.length, open);
  const held = reason ? { count: rows.length, open, reason } : null;
  const leaving = leasesToGiveUp(rows, reason);
  const expired: string[] = [];
  for (const sandboxId of new Set(leaving.map((row) => row.sandboxId))) {
    const own = leaving.filter((row) => row.sandboxId === sandboxId);
    expired.push(...(await giveUp(tx, sandboxId, own)));
  }
  return { expired, held };
}

async function readReason(
  tx: Tx,
  times: LeaseTimes,
  count: number,
  open: number,
): Promise<ReturnType<typeof reasonToHold>> {
  const found = await availability(tx, times);
  const isInGrace = found.resumedAt !== null && (await isWithinLease(tx, found.resumedAt, times));
  return reasonToHold({ ...found, isInGrace, count, open });
}

async function isWithinLease(tx: Tx, since: Date, times: LeaseTimes): Promise<boolean> {
  const { rows } = await tx.query<{ within: boolean }>(
    "SELECT clock_timestamp() < $1::timestamptz + $2 * interval '1 millisecond' AS within",
    [since, times.leaseMs],
  );
  return rows[0]?.within ?? false;
}

/** Under the sandbox's lock the lease is looked at again: a heartbeat may have come in between. */
async function giveUp(tx: Tx, sandboxId: string, leases: readonly ExpiredLease[]): Promise<string[]> {
  await lockSandbox(tx, sandboxId);
  const { rows } = await tx.query<AttemptKey>(
    `SELECT task_id AS "taskId", fence, lease_id AS "leaseId" FROM attempts
     WHERE task_id = ANY($1::uuid[]) AND sandbox_id = $2 AND ended_at IS NULL AND acknowledged_at IS NOT NULL
       AND lease_expires_at < clock_timestamp()`,
    [leases.map((lease) => lease.taskId), sandboxId],
  );
  const finishes = rows.map((ref) => ({ ...ref, status: "lost" as const, reason: "its lease ran out" }));
  const completed = await completeAttempts(tx, sandboxId, finishes);
  return completed.filter((one) => one.taken).map((one) => one.taskId);
}

/** Tasks that waited longer than their queueTimeoutMs, a thousand a call. */
export async function expireQueued(tx: Tx): Promise<string[]> {
  const { rows } = await tx.query<{ id: string }>(
    `WITH late AS (
       SELECT id FROM tasks WHERE queue_key IS NOT NULL AND queue_expires_at < now()
       ORDER BY queue_expires_at LIMIT 1000 FOR NO KEY UPDATE SKIP LOCKED),
     ended AS (
       UPDATE tasks t SET state = 'expired', queue_key = NULL, ended_at = now(),
         state_reason = 'waited longer than its queueTimeoutMs',
         error = jsonb_build_object('code', 'expired', 'message', 'waited longer than its queueTimeoutMs')
       FROM late WHERE t.id = late.id AND t.state = 'queued' RETURNING t.id, t.tenant_id),
     live AS (
       INSERT INTO live_events (type, audience, payload)
       SELECT 'task_update', tenant_id, jsonb_build_object('taskId', id, 'status', 'expired', 'sandboxId', null) FROM ended
       RETURNING id),
     told AS (${tellLive("live")})
     SELECT ended.id FROM ended, told`,
  );
  return rows.map((row) => row.id);
}
