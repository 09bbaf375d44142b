import { attemptText, changedSlots, err, ok, sortAttempts, withUsableSpares } from "@valet/shared";
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
import { lockSandboxes } from "./lock-sandbox.ts";
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
  sandboxId: string;
  isLive: boolean;
  revision: number;
  draining: boolean;
  slots: OwnedSlot[];
  generations: StoredGeneration[];
  attempts: OpenAttempt[];
}
type Applied = Result<HeartbeatResult, SessionClosed>;

/** Takes in what one sandbox reports: renews leases, follows slots and generations, hands slots over, proves deaths. */
export async function applyHeartbeat(tx: Tx, call: HeartbeatCall): Promise<Applied> {
  const [applied] = await applyHeartbeats(tx, [call]);
  if (!applied) throw new Error("applying a heartbeat gave no answer");
  return applied;
}

/** The same for many, in their order: most heartbeats change nothing, so that a fleet's cost three statements a group. */
export async function applyHeartbeats(tx: Tx, calls: readonly HeartbeatCall[]): Promise<Applied[]> {
  const results = new Map<HeartbeatCall, Applied>();
  for (let rest = [...calls]; rest.length > 0; rest = rest.filter((call) => !results.has(call))) {
    // A sandbox's second heartbeat must see what its first one wrote.
    const firsts = [...new Map(rest.toReversed().map((call) => [call.sandboxId, call])).values()];
    const locked = await lockSandboxes(
      tx,
      firsts.map((call) => call.sandboxId),
    );
    const held = await readHeld(tx, firsts);
    const renewals: Renewal[] = [];
    for (const call of firsts) {
      const sandbox = locked.get(call.sandboxId);
      const own = held.get(call.sandboxId);
      results.set(call, sandbox && own?.isLive ? await applyOne(tx, call, sandbox, own, renewals) : closed);
    }
    await renew(tx, renewals);
  }
  return calls.flatMap((call) => results.get(call) ?? []);
}

const closed: Applied = err({
  kind: "session_closed",
  message: "this session was closed or replaced by a newer one",
});

async function applyOne(
  tx: Tx,
  call: HeartbeatCall,
  sandbox: LockedSandbox,
  held: Held,
  renewals: Renewal[],
): Promise<Applied> {
  const { sandboxId, heartbeat, times } = call;
  const reports = withUsableSpares(heartbeat, held.slots);
  const known = await storeReports(tx, sandboxId, reports, held.generations);
  const sorted = sortAttempts(held.attempts, heartbeat, known, times.confirmFreshMs);
  renewals.push({ call, sorted });
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

async function readHeld(tx: Tx, calls: readonly HeartbeatCall[]): Promise<Map<string, Held>> {
  const { rows } = await tx.query<Held>(
    `SELECT s.id AS "sandboxId",
       EXISTS (SELECT 1 FROM sessions n WHERE n.id = w.session_id AND n.sandbox_id = s.id AND n.closed_at IS NULL) AS "isLive",
       coalesce((SELECT jsonb_agg(jsonb_build_object('index', l.index, 'state', l.state, 'generation', l.generation) ORDER BY l.index)
         FROM slots l WHERE l.sandbox_id = s.id), '[]') AS slots,
       coalesce((SELECT jsonb_agg(jsonb_build_object('number', g.number, 'state', g.state, 'imageTag', g.image_tag,
           'imageDigest', g.image_digest, 'workerBootId', g.worker_boot_id, 'accepting', g.accepting, 'spareReady', g.spare_ready,
           'bootSeenMs', extract(epoch FROM clock_timestamp() - g.boot_seen_at) * 1000,
           'silentMs', extract(epoch FROM clock_timestamp() - g.reported_at) * 1000))
         FROM generations g WHERE g.sandbox_id = s.id AND (g.state <> 'ended' OR g.reported_at > now() - interval '1 hour')), '[]') AS generations,
       coalesce((SELECT jsonb_agg(jsonb_build_object('taskId', a.task_id, 'fence', a.fence, 'leaseId', a.lease_id,
           'generation', a.generation, 'workerBootId', a.worker_boot_id, 'isAcknowledged', a.acknowledged_at IS NOT NULL,
           'cancelRequested', t.cancel_requested))
         FROM attempts a JOIN tasks t ON t.id = a.task_id WHERE a.sandbox_id = s.id AND a.ended_at IS NULL), '[]') AS attempts,
       s.plan_revision AS revision, EXISTS (SELECT 1 FROM cordons c WHERE c.sandbox_id = s.id) AS draining
     FROM unnest($1::uuid[], $2::uuid[]) AS w (sandbox_id, session_id) JOIN sandboxes s ON s.id = w.sandbox_id`,
    [calls.map((call) => call.sandboxId), calls.map((call) => call.sessionId)],
  );
  return new Map(rows.map((row) => [row.sandboxId, row]));
}

interface Renewal {
  call: HeartbeatCall;
  sorted: SortedAttempts;
}

/** Writes what every heartbeat writes: session, leases, and when each generation was last heard of. One statement for all. */
async function renew(tx: Tx, renewals: readonly Renewal[]): Promise<void> {
  const leaseMs = renewals[0]?.call.times.leaseMs;
  if (leaseMs === undefined) return;
  const heard = renewals.flatMap(({ call: { sandboxId, heartbeat } }) =>
    heartbeat.generations.flatMap(({ reachable, generation }) => (reachable ? [{ sandboxId, generation }] : [])),
  );
  const leases = renewals.flatMap(({ sorted }) => {
    const bootOf = new Map(sorted.boots.map((ref) => [attemptText(ref), ref.workerBootId]));
    return sorted.renew.map((ref) => ({ ...ref, boot: bootOf.get(attemptText(ref)) ?? null }));
  });
  await tx.query(
    `WITH seen AS (UPDATE sessions SET last_heartbeat_at = now() WHERE id = ANY ($1::uuid[])),
     heard AS (
       UPDATE generations g SET reported_at = now() FROM unnest($6::uuid[], $7::int[]) AS h (sandbox_id, number)
       WHERE g.sandbox_id = h.sandbox_id AND g.number = h.number)
     UPDATE attempts a SET lease_expires_at = now() + $2 * interval '1 millisecond',
       worker_boot_id = coalesce(r.boot, a.worker_boot_id)
     FROM unnest($3::uuid[], $4::bigint[], $5::text[]) AS r (task_id, fence, boot)
     WHERE a.task_id = r.task_id AND a.fence = r.fence AND a.ended_at IS NULL`,
    [
      renewals.map(({ call }) => call.sessionId),
      leaseMs,
      leases.map((ref) => ref.taskId),
      leases.map((ref) => ref.fence),
      leases.map((ref) => ref.boot),
      heard.map((one) => one.sandboxId),
      heard.map((one) => one.generation),
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
  return [...keys(dead), ...rows];
}

function keys(refs: readonly AttemptKey[]): AttemptKey[] {
  return refs.map(({ taskId, fence, leaseId }) => ({ taskId, fence, leaseId }));
}
