import { changedSlots, err, ok, sortAttempts, withUsableSpares } from "@valet/shared";
import type {
  AttemptKey,
  HeartbeatInput,
  HeartbeatResult,
  LeaseTimes,
  OpenAttempt,
  OwnedSlot,
  Result,
  SessionClosed,
  SlotPlanRow,
  SortedAttempts,
  StoredGeneration,
} from "@valet/shared";
import { announceSandboxes } from "./announce.ts";
import { moveFreeSlot } from "./hand-over.ts";
import { lockSandbox } from "./lock-sandbox.ts";
import type { LockedSandbox } from "./lock-sandbox.ts";
import { notify } from "./notify.ts";
import { storeReports } from "./generation-reports.ts";
import { slotPlan } from "./slot-plan.ts";
import type { Tx } from "./sql.ts";
import { completeAttempts } from "./tasks/complete.ts";

export interface HeartbeatCall {
  sandboxId: string;
  sessionId: string;
  heartbeat: HeartbeatInput;
  times: LeaseTimes;
}
interface Held {
  isLive: boolean;
  revision: number;
  draining: boolean;
  slots: OwnedSlot[];
  generations: StoredGeneration[];
  attempts: OpenAttempt[];
}

/** Takes in what one sandbox reports: renews leases, follows slots and generations, hands slots over, proves deaths. */
export async function applyHeartbeat(tx: Tx, call: HeartbeatCall): Promise<Result<HeartbeatResult, SessionClosed>> {
  const { sandboxId, heartbeat, times } = call;
  const sandbox = await lockSandbox(tx, sandboxId);
  const held = await readHeld(tx, call);
  if (!sandbox || !held.isLive) {
    return err({ kind: "session_closed", message: "this session was closed or replaced by a newer one" });
  }
  const reports = withUsableSpares(heartbeat, held.slots);
  const known = await storeReports(tx, sandboxId, reports, held.generations);
  const sorted = sortAttempts(held.attempts, heartbeat, known, times.confirmFreshMs);
  await renew(tx, call, sorted);
  if (!sandbox.reachable) await becomeReachable(tx, sandboxId);
  await followSlots(tx, sandboxId, heartbeat, held.slots, known, times);
  await giveUpDead(tx, sandboxId, sorted);
  const isMoved = await handOver(tx, sandbox, heartbeat, held.slots);
  return ok({
    renewed: keys(sorted.renew),
    lost: await takenOver(tx, sandboxId, sorted),
    cancel: keys(sorted.cancel),
    // Most heartbeats change no plan, and a fleet sends many.
    plan: isMoved || sorted.dead.length > 0 ? await planNow(tx, sandboxId) : planOf(sandbox, held),
  });
}

function planOf(sandbox: LockedSandbox, { revision, draining, slots }: Held): SlotPlanRow {
  const owners = slots.map(({ index, generation }) => ({ index, generation }));
  return { revision, target: sandbox.target, slots: owners, draining };
}

async function planNow(tx: Tx, sandboxId: string): Promise<SlotPlanRow> {
  const plan = await slotPlan(tx, sandboxId);
  if (!plan) throw new Error(`sandbox ${sandboxId} has no slot plan`);
  return plan;
}

async function readHeld(tx: Tx, { sandboxId, sessionId }: HeartbeatCall): Promise<Held> {
  const { rows } = await tx.query<Held>(
    `SELECT EXISTS (SELECT 1 FROM sessions WHERE id = $2 AND sandbox_id = $1 AND closed_at IS NULL) AS "isLive",
       coalesce((SELECT jsonb_agg(jsonb_build_object('index', l.index, 'state', l.state, 'generation', l.generation) ORDER BY l.index)
         FROM slots l WHERE l.sandbox_id = $1), '[]') AS slots,
       coalesce((SELECT jsonb_agg(jsonb_build_object('number', g.number, 'state', g.state, 'imageTag', g.image_tag,
           'imageDigest', g.image_digest, 'workerBootId', g.worker_boot_id, 'accepting', g.accepting, 'spareReady', g.spare_ready,
           'bootSeenMs', extract(epoch FROM clock_timestamp() - g.boot_seen_at) * 1000,
           'silentMs', extract(epoch FROM clock_timestamp() - g.reported_at) * 1000))
         FROM generations g WHERE g.sandbox_id = $1 AND (g.state <> 'ended' OR g.reported_at > now() - interval '1 hour')), '[]') AS generations,
       coalesce((SELECT jsonb_agg(jsonb_build_object('taskId', a.task_id, 'fence', a.fence, 'leaseId', a.lease_id,
           'generation', a.generation, 'workerBootId', a.worker_boot_id, 'isAcknowledged', a.acknowledged_at IS NOT NULL,
           'cancelRequested', t.cancel_requested))
         FROM attempts a JOIN tasks t ON t.id = a.task_id WHERE a.sandbox_id = $1 AND a.ended_at IS NULL), '[]') AS attempts,
       (SELECT plan_revision FROM sandboxes WHERE id = $1) AS revision,
       EXISTS (SELECT 1 FROM cordons WHERE sandbox_id = $1) AS draining`,
    [sandboxId, sessionId],
  );
  if (!rows[0]) throw new Error("reading a sandbox's state returned no row");
  return rows[0];
}

/** Writes what every heartbeat writes: session, leases, and when each generation was last heard of. */
async function renew(tx: Tx, call: HeartbeatCall, { renew, boots }: SortedAttempts): Promise<void> {
  const { sandboxId, sessionId, times, heartbeat } = call;
  const bootOf = new Map(boots.map((ref) => [`${ref.taskId} ${ref.fence}`, ref.workerBootId]));
  await tx.query(
    `WITH seen AS (UPDATE sessions SET last_heartbeat_at = now() WHERE id = $1),
     heard AS (
       UPDATE generations SET reported_at = now() WHERE sandbox_id = $6 AND number = ANY ($7::int[]))
     UPDATE attempts a SET lease_expires_at = now() + $2 * interval '1 millisecond',
       worker_boot_id = coalesce(r.boot, a.worker_boot_id)
     FROM unnest($3::uuid[], $4::bigint[], $5::text[]) AS r (task_id, fence, boot)
     WHERE a.task_id = r.task_id AND a.fence = r.fence AND a.ended_at IS NULL`,
    [
      sessionId,
      times.leaseMs,
      renew.map((ref) => ref.taskId),
      renew.map((ref) => ref.fence),
      renew.map((ref) => bootOf.get(`${ref.taskId} ${ref.fence}`) ?? null),
      sandboxId,
      heartbeat.generations.filter((report) => report.reachable).map((report) => report.generation),
    ],
  );
}

async function becomeReachable(tx: Tx, sandboxId: string): Promise<void> {
  await tx.query("UPDATE sandboxes SET reachable = true WHERE id = $1", [sandboxId]);
  await announceSandboxes(tx, [sandboxId]);
  await notify(tx, "assign", [""]);
}

async function followSlots(
  tx: Tx,
  sandboxId: string,
  heartbeat: HeartbeatInput,
  slots: readonly OwnedSlot[],
  known: readonly StoredGeneration[],
  times: LeaseTimes,
): Promise<void> {
  const changed = changedSlots(slots, heartbeat, known, times.confirmFreshMs);
  if (changed.length === 0) return;
  await tx.query(
    `UPDATE slots l SET state = c.state, updated_at = now() FROM unnest($2::int[], $3::text[]) AS c (index, state)
     WHERE l.sandbox_id = $1 AND l.index = c.index AND l.task_id IS NULL`,
    [sandboxId, changed.map((slot) => slot.index), changed.map((slot) => slot.state)],
  );
  await announceSandboxes(tx, [sandboxId]);
  if (changed.some((slot) => slot.state === "accepting")) await notify(tx, "assign", [""]);
}

async function giveUpDead(tx: Tx, sandboxId: string, { dead }: SortedAttempts): Promise<void> {
  const reason = "its GH worker was started anew and does not run it";
  const finishes = keys(dead).map((ref) => ({ ...ref, status: "lost" as const, reason }));
  await completeAttempts(tx, sandboxId, finishes);
}

/** Only with a fresh report of the target itself in hand: an old flag may speak of a spare that is gone. */
async function handOver(
  tx: Tx,
  sandbox: LockedSandbox,
  heartbeat: HeartbeatInput,
  slots: readonly OwnedSlot[],
): Promise<boolean> {
  const { target } = sandbox;
  if (target === null || slots.every((slot) => slot.generation === target)) return false;
  const report = heartbeat.generations.find((one) => one.generation === target);
  return report?.reachable ? moveFreeSlot(tx, sandbox.id, target) : false;
}

/** Of the attempts that are not open here: those that somebody else may own now. Ended by their own report is not lost. */
async function takenOver(tx: Tx, sandboxId: string, { foreign, dead }: SortedAttempts): Promise<AttemptKey[]> {
  if (foreign.length === 0) return keys(dead);
  const { rows } = await tx.query<AttemptKey>(
    `SELECT r.task_id AS "taskId", r.fence, r.lease_id AS "leaseId"
     FROM unnest($1::uuid[], $2::bigint[], $3::text[]) AS r (task_id, fence, lease_id)
       LEFT JOIN attempts a ON a.task_id = r.task_id AND a.fence = r.fence AND a.lease_id = r.lease_id AND a.sandbox_id = $4
       LEFT JOIN tasks t ON t.id = r.task_id
     WHERE a.task_id IS NULL OR t.fence > a.fence OR a.outcome IN ('lost', 'unacknowledged', 'cancelled')`,
    [foreign.map((ref) => ref.taskId), foreign.map((ref) => ref.fence), foreign.map((ref) => ref.leaseId), sandboxId],
  );
  return rows;
}

function keys(refs: readonly AttemptKey[]): AttemptKey[] {
  return refs.map(({ taskId, fence, leaseId }) => ({ taskId, fence, leaseId }));
}
