import { fits, inTurn, matchTasks, placeableClasses } from "@valet/shared";
import type {
  EligibleSandbox,
  Environment,
  LeaseTimes,
  Match,
  QueueClass,
  QueueHead,
  Reservation,
  ReserveResult,
} from "@valet/shared";
import type { Sql } from "../sql.ts";
import { eligibleSandboxes, sandboxesWithFreeSlots } from "./eligible-sandboxes.ts";
import { placementKey } from "./placement.ts";
import { queueHeads, queuedClasses } from "./queue-heads.ts";

export interface ReserveInput {
  environment?: Environment;
  /** Most tasks in one transaction. */
  limit: number;
  times: LeaseTimes;
}

const lockKey = 7_261_003;
const mostClasses = 200;
const mostTries = 3;
const fewestToChooseFrom = 100;

/**
 * Gives queued tasks to free slots: tenants in turn, each one's oldest first, at most `limit`. Control worker only. Its cost
 * depends on free slots, tenants and kinds of placement, not on how many tasks wait. What is read is checked again by the one
 * statement that writes, so it needs no transaction around it, and replicas that reserve at once only lose time.
 */
export async function reserveTasks(sql: Sql, input: ReserveInput): Promise<ReserveResult> {
  for (let tries = 1; ; tries += 1) {
    const { reservations, matched, free } = await tryReserve(sql, input);
    if (reservations.length > 0) return { reservations, more: free > reservations.length };
    // Another one took all of it between reading and writing.
    if (matched === 0 || tries === mostTries) return { reservations, more: matched > 0 };
  }
}

async function tryReserve(
  sql: Sql,
  input: ReserveInput,
): Promise<{ reservations: Reservation[]; matched: number; free: number }> {
  const none = { reservations: [], matched: 0, free: 0 };
  // In a transaction the turn can be had before the reading already; without one it would end with its own statement.
  if ("inTransaction" in sql) await sql.query("SELECT pg_advisory_xact_lock($1)", [lockKey]);
  const listed = await queuedClasses(sql, mostClasses + 1, input.environment);
  if (listed.length === 0) return none;
  const sandboxes = await sandboxesWithFreeSlots(sql, input.times, searchFor(listed, input));
  const classes = placeableClasses(listed, listed.length <= mostClasses, sandboxes, placementKey);
  if (classes.length === 0) return none;
  const free = sandboxes.reduce((sum, sandbox) => sum + sandbox.freeSlots.length, 0);
  const limit = Math.min(input.limit, free);
  const heads = inTurn(await queueHeads(sql, classes, limit));
  const matches = matchTasks(heads, classes, sandboxes, await alternatives(sql, heads, input.times)).slice(0, limit);
  if (matches.length === 0) return none;
  return { reservations: await writeReservations(sql, matches, input.times), matched: matches.length, free };
}

/** Tasks that may go anywhere need only a choice of sandboxes; others may fit just one of all. */
function searchFor(
  listed: readonly QueueClass[],
  input: ReserveInput,
): { environment?: Environment | undefined; most: number } {
  const [only] = listed;
  const isPlain = listed.length === 1 && only?.key === "";
  return isPlain
    ? { environment: only?.environment, most: Math.max(input.limit * 2, fewestToChooseFrom) }
    : { environment: input.environment, most: 100_000 };
}

/** Asks once whether a task that avoids sandboxes has another one to go to, be it busy now. */
async function alternatives(
  sql: Sql,
  heads: readonly QueueHead[],
  times: LeaseTimes,
): Promise<(head: QueueHead, placement: QueueClass) => boolean> {
  if (heads.every((head) => head.avoid.length === 0)) return () => true;
  const all: Pick<EligibleSandbox, "id" | "environment" | "labels">[] = await eligibleSandboxes(sql, times);
  return (head, placement) =>
    all.some((one) => one.environment === head.environment && !head.avoid.includes(one.id) && fits(placement, one));
}

/**
 * Takes the locks in order (one reservation at a time, sandboxes, tasks, slots), drops what changed since it was read, and writes the
 * rest. Under a shared lock of its sandbox nobody but a reservation touches a slot, so that slots need no lock before the write. A cordon moves the
 * sandbox's plan revision, which is compared again once the row is locked: from a cordon's commit on nothing is reserved. Dashboards
 * are told at the acknowledgement, some milliseconds later.
 */
async function writeReservations(sql: Sql, matches: readonly Match[], times: LeaseTimes): Promise<Reservation[]> {
  const { rows } = await sql.query<Reservation>(
    `WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock($9)),
     want AS (
       SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::int[], $5::text[], $6::bigint[], $8::bigint[])
         AS w (task_id, sandbox_id, slot_index, generation, lease_id, fence, plan_revision)),
     box AS MATERIALIZED (
       SELECT s.id FROM turn, sandboxes s JOIN (SELECT DISTINCT sandbox_id, plan_revision FROM want) w ON w.sandbox_id = s.id
       WHERE s.plan_revision = w.plan_revision AND s.state IN ('active', 'deploying')
       ORDER BY s.id FOR SHARE OF s),
     task AS MATERIALIZED (
       SELECT w.*, t.tenant_id FROM box JOIN want w ON w.sandbox_id = box.id JOIN tasks t ON t.id = w.task_id
       WHERE t.queue_key IS NOT NULL AND t.fence = w.fence
       FOR NO KEY UPDATE OF t SKIP LOCKED),
     good AS (
       UPDATE slots l SET state = 'reserved', task_id = task.task_id, fence = task.fence + 1, updated_at = now()
       FROM task WHERE l.sandbox_id = task.sandbox_id AND l.index = task.slot_index AND l.state = 'accepting'
         AND l.generation = task.generation
       RETURNING task.*),
     taken AS (
       UPDATE tasks t SET state = 'assigned', state_reason = '', queue_key = NULL, fence = good.fence + 1,
         sandbox_id = good.sandbox_id FROM good WHERE t.id = good.task_id),
     tried AS (
       INSERT INTO attempts (task_id, fence, lease_id, sandbox_id, slot_index, generation, lease_expires_at)
       SELECT task_id, fence + 1, lease_id, sandbox_id, slot_index, generation, now() + $7 * interval '1 millisecond' FROM good),
     served AS (
       UPDATE tenants SET last_served = (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
       WHERE id IN (SELECT tenant_id FROM good)),
     woken AS (
       SELECT count(pg_notify('valet_sandbox', sandbox_id::text)) FROM (SELECT DISTINCT sandbox_id FROM good) AS d)
     SELECT task_id AS "taskId", tenant_id AS "tenantId", fence + 1 AS fence, lease_id AS "leaseId",
       sandbox_id AS "sandboxId", slot_index AS slot, generation
     FROM good, woken`,
    [
      matches.map((match) => match.head.taskId),
      matches.map((match) => match.sandboxId),
      matches.map((match) => match.slot),
      matches.map((match) => match.generation),
      matches.map(() => crypto.randomUUID()),
      matches.map((match) => match.head.fence),
      times.leaseMs,
      matches.map((match) => match.planRevision),
      lockKey,
    ],
  );
  return rows;
}
