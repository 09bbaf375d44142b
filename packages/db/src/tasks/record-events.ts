import type { LeaseTimes } from "@valet/shared";
import { announceTasks } from "../announce.ts";
import type { AttemptKey, Finish } from "@valet/shared";
import type { Tx } from "../sql.ts";
import { completePlainly } from "./complete-plainly.ts";
import { completeAttempts } from "./complete.ts";
import { finishOf } from "./finish-event.ts";
import { storeEvents } from "./store-events.ts";

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
  const hasFinish = events.some((event) => event.type === "finished");
  const { known, fresh } = await storeEvents(tx, sandboxId, events, hasFinish);
  const newest = new Set(known.filter((one) => one.isNewest).map(keyOf));
  const finishes = events.filter((event) => event.type === "finished" && newest.has(keyOf(event))).map(finishOf);
  const ended = await endAttempts(tx, sandboxId, finishes);
  await announceTasks(
    tx,
    fresh.filter((taskId) => !ended.has(taskId)),
  );
  return { accepted: throughOf(events), stale: uniqueRefs(events.filter((event) => !newest.has(keyOf(event)))) };
}

/** Ids of the tasks that changed by it, which are announced already. */
async function endAttempts(tx: Tx, sandboxId: string, finishes: readonly Finish[]): Promise<Set<string>> {
  const ended = await completePlainly(
    tx,
    sandboxId,
    finishes.filter((finish) => finish.status === "completed"),
  );
  const rest = finishes.filter((finish) => !ended.has(finish.taskId));
  const completed = await completeAttempts(tx, sandboxId, rest);
  return new Set([...ended, ...completed.filter((one) => one.taken).map((one) => one.taskId)]);
}

function keyOf({ taskId, fence, leaseId }: AttemptKey): string {
  return `${taskId} ${fence} ${leaseId}`;
}

function throughOf(events: readonly EventInput[]): EventsResult["accepted"] {
  const through = new Map<string, { taskId: string; fence: number; throughSeq: number }>();
  for (const { taskId, fence, seq } of events) {
    const key = `${taskId} ${fence}`;
    through.set(key, { taskId, fence, throughSeq: Math.max(through.get(key)?.throughSeq ?? 0, seq) });
  }
  return [...through.values()];
}

function uniqueRefs(refs: readonly AttemptKey[]): AttemptKey[] {
  const unique = new Map(
    refs.map(({ taskId, fence, leaseId }) => [keyOf({ taskId, fence, leaseId }), { taskId, fence, leaseId }]),
  );
  return [...unique.values()];
}
