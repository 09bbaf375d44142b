import { attemptText, eventsResult } from "@valet/shared";
import type { EventInput, EventsResult, Finish, LeaseTimes } from "@valet/shared";
import { announceTasks } from "../announce.ts";
import type { Tx } from "../sql.ts";
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
  const finishes = events.filter((event) => event.type === "finished").map(finishOf);
  const { known, fresh, ended } = await storeEvents(tx, sandboxId, events, {
    ends: plainEnds(finishes),
    locksSandbox: finishes.length > 0,
  });
  const newest = new Set(known.filter((one) => one.isNewest).map(attemptText));
  const rest = finishes.filter((finish) => newest.has(attemptText(finish)) && !ended.has(finish.taskId));
  for (const one of await completeAttempts(tx, sandboxId, rest)) if (one.taken) ended.add(one.taskId);
  await announceTasks(
    tx,
    fresh.filter((taskId) => !ended.has(taskId)),
  );
  return eventsResult(events, (ref) => newest.has(attemptText(ref)));
}

/** One end a task, and only the first that its journal told. */
function plainEnds(finishes: readonly Finish[]): Finish[] {
  const firsts = new Map(finishes.toReversed().map((finish) => [finish.taskId, finish]));
  return [...firsts.values()].filter((finish) => finish.status === "completed").reverse();
}
