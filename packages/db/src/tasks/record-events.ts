import { attemptText, eventsResult } from "@valet/shared";
import type { EventInput, EventsResult, Finish, LeaseTimes } from "@valet/shared";
import { announceTasks } from "../announce.ts";
import type { Tx } from "../sql.ts";
import { completePlainly } from "./complete-plainly.ts";
import { completeAttempts } from "./complete.ts";
import { finishOf } from "./finish-event.ts";
import { storeEvents } from "./store-events.ts";

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
  const newest = new Set(known.filter((one) => one.isNewest).map(attemptText));
  const finishes = events.filter((event) => event.type === "finished" && newest.has(attemptText(event))).map(finishOf);
  const ended = await endAttempts(tx, sandboxId, finishes);
  await announceTasks(
    tx,
    fresh.filter((taskId) => !ended.has(taskId)),
  );
  return eventsResult(events, (ref) => newest.has(attemptText(ref)));
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
