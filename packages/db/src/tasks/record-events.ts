import type { LeaseTimes } from "@valet/shared";
import { announceTasks } from "../announce.ts";
import type { AttemptKey } from "../heartbeat.ts";
import type { Tx } from "../sql.ts";
import { completeAttempts } from "./complete.ts";
import { finishOf } from "./finish-event.ts";

/** The contract's SessionEvent fits. */
export interface EventInput extends AttemptKey {
  seq: number;
  type: string;
  at: string;
  data: Record<string, unknown>;
}
export interface EventsResult {
  accepted: { taskId: string; fence: number; throughSeq: number }[];
  stale: AttemptKey[];
}
interface KnownAttempt {
  taskId: string;
  fence: number;
  leaseId: string;
  isNewest: boolean;
}

/**
 * Stores relayed journal entries, once each; `finished` ones end their attempts in the same transaction. What belongs to
 * an older fence is kept as evidence and changes nothing; what belongs to no attempt of this sandbox is refused for good.
 */
export async function recordEvents(
  tx: Tx,
  input: { sandboxId: string; events: readonly EventInput[]; times?: LeaseTimes },
): Promise<EventsResult> {
  const { sandboxId, events } = input;
  if (events.length === 0) return { accepted: [], stale: [] };
  // First of all, as everywhere: locks go sandbox, then tasks.
  const hasFinish = events.some((event) => event.type === "finished");
  const known = await readAttempts(tx, sandboxId, events);
  const ours = events.filter((event) => known.get(keyOf(event))?.leaseId === event.leaseId);
  const fresh = await storeEvents(tx, ours);
  const finishes = hasFinish ? ours.filter((event) => event.type === "finished").map(finishOf) : [];
  const completed = await completeAttempts(tx, sandboxId, finishes);
  const ended = new Set(completed.filter((one) => one.taken).map((one) => one.taskId));
  await noteProgress(
    tx,
    fresh.filter((event) => known.get(keyOf(event))?.isNewest),
    ended,
  );
  const isStale = (event: EventInput): boolean => !known.get(keyOf(event))?.isNewest || !ours.includes(event);
  return { accepted: throughOf(events), stale: uniqueRefs(events.filter(isStale)) };
}

function keyOf(event: AttemptKey): string {
  return `${event.taskId} ${event.fence}`;
}

async function readAttempts(
  tx: Tx,
  sandboxId: string,
  events: readonly EventInput[],
): Promise<Map<string, KnownAttempt>> {
  const refs = uniqueRefs(events);
  const { rows } = await tx.query<KnownAttempt>(
    `SELECT a.task_id AS "taskId", a.fence, a.lease_id AS "leaseId", t.fence = a.fence AS "isNewest"
     FROM unnest($1::uuid[], $2::bigint[]) AS r (task_id, fence)
       JOIN attempts a ON a.task_id = r.task_id AND a.fence = r.fence JOIN tasks t ON t.id = a.task_id
     WHERE a.sandbox_id = $3`,
    [refs.map((ref) => ref.taskId), refs.map((ref) => ref.fence), sandboxId],
  );
  return new Map(rows.map((row) => [`${row.taskId} ${row.fence}`, row]));
}

/** The events that were not stored before. */
async function storeEvents(tx: Tx, events: readonly EventInput[]): Promise<EventInput[]> {
  if (events.length === 0) return [];
  const { rows } = await tx.query<{ taskId: string; fence: number; seq: number }>(
    `INSERT INTO task_events (task_id, fence, seq, type, data, at)
     SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::int[], $4::text[], $5::jsonb[], $6::timestamptz[])
     ON CONFLICT (task_id, fence, seq) DO NOTHING RETURNING task_id AS "taskId", fence, seq`,
    [
      events.map((event) => event.taskId),
      events.map((event) => event.fence),
      events.map((event) => event.seq),
      events.map((event) => event.type),
      events.map((event) => JSON.stringify(event.data)),
      events.map((event) => event.at),
    ],
  );
  const stored = new Set(rows.map((row) => `${row.taskId} ${row.fence} ${row.seq}`));
  return events.filter((event) => stored.has(`${keyOf(event)} ${event.seq}`));
}

/** Journalled outcomes close their permits, and the task shows how far it is. */
async function noteProgress(tx: Tx, fresh: readonly EventInput[], ended: ReadonlySet<string>): Promise<void> {
  const outcomes = fresh.flatMap((event) => {
    const { stepIndex } = event.data;
    const isOutcome = event.type === "step_done" || event.type === "step_failed";
    return isOutcome && typeof stepIndex === "number" ? [{ ...event, stepIndex }] : [];
  });
  if (outcomes.length > 0) {
    await tx.query(
      `WITH o AS (SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::int[], $4::text[]) AS o (task_id, fence, step_index, outcome)),
       closed AS (
         UPDATE permits p SET outcome = o.outcome, outcome_at = now() FROM o
         WHERE p.task_id = o.task_id AND p.fence = o.fence AND p.step_index = o.step_index AND p.outcome IS NULL)
       UPDATE tasks t SET steps_done = far.steps
       FROM (SELECT task_id, fence, max(step_index) + 1 AS steps FROM o WHERE outcome = 'done' GROUP BY task_id, fence) AS far
       WHERE t.id = far.task_id AND t.fence = far.fence AND t.steps_done < far.steps
         AND t.state IN ('running', 'paused', 'needs_human')`,
      [
        outcomes.map((event) => event.taskId),
        outcomes.map((event) => event.fence),
        outcomes.map((event) => event.stepIndex),
        outcomes.map((event) => (event.type === "step_done" ? "done" : "failed")),
      ],
    );
  }
  const told = new Set(fresh.map((event) => event.taskId).filter((taskId) => !ended.has(taskId)));
  await announceTasks(tx, [...told]);
}

function throughOf(events: readonly EventInput[]): EventsResult["accepted"] {
  const through = new Map<string, { taskId: string; fence: number; throughSeq: number }>();
  for (const event of events) {
    const before = through.get(keyOf(event))?.throughSeq ?? 0;
    const throughSeq = Math.max(before, event.seq);
    through.set(keyOf(event), { taskId: event.taskId, fence: event.fence, throughSeq });
  }
  return [...through.values()];
}

function uniqueRefs(refs: readonly AttemptKey[]): AttemptKey[] {
  const unique = new Map(
    refs.map(({ taskId, fence, leaseId }) => [keyOf({ taskId, fence, leaseId }), { taskId, fence, leaseId }]),
  );
  return [...unique.values()];
}
