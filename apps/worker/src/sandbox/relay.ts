import type { AttemptRef, EventsReply } from "@valet/contracts";
import type { Clock } from "@valet/shared";
import { makeBackoff } from "../backoff.ts";
import { type Bell, ignoreAbort, makeBell } from "../bell.ts";
import type { Log } from "../log.ts";
import type { Api } from "./api.ts";
import type { Forgotten, Relayed, RelayQueue } from "./relay-queue.ts";
import type { OpenSession, Session } from "./session.ts";

export interface RelayDeps {
  api: Api;
  session: Session;
  clock: Clock;
  log: Log;
  signal: AbortSignal;
  queue: RelayQueue;
  /** The API stored entries: their spools may forget them. */
  onForgotten: (forgotten: Forgotten) => void;
  /** The API stored the end of an attempt. */
  onEnded: (ref: AttemptRef) => void;
  /** The attempt is somebody else's now. */
  onStale: (ref: AttemptRef) => void;
}
/** Sends the queue to the API in batches, and again until it is stored. */
export interface Relay {
  /** Something may be ready to go. */
  wake(): void;
  run(): Promise<void>;
}

const mostAtOnce = 500;

export function makeRelay(deps: RelayDeps): Relay {
  const { queue, clock, log, signal } = deps;
  const bell: Bell = makeBell(clock);
  const backoff = makeBackoff(50, 2_000);
  let batchLimit = mostAtOnce;

  const settle = (batch: readonly Relayed[], reply: EventsReply) => {
    const { forgotten, ended } = queue.settle(batch, reply);
    for (const ref of reply.stale) deps.onStale(ref);
    for (const ref of ended) deps.onEnded(ref);
    for (const item of forgotten) deps.onForgotten(item);
    return forgotten.length + ended.length > 0;
  };
  const send = async (open: OpenSession, batch: readonly Relayed[]) => {
    const events = batch.map(({ event }) => event);
    const answer = await deps.api.call((client, s) =>
      client.sessionEvents({ params: { id: open.id }, body: { events }, signal: s }),
    );
    if (answer.ok) {
      batchLimit = mostAtOnce;
      // An answer that accepts nothing must not become a tight loop.
      if (settle(batch, answer.value)) backoff.reset();
      else await clock.sleep(backoff.next(), signal).catch(ignoreAbort);
      return;
    }
    const { kind, message } = answer.error;
    if (kind === "replaced") return deps.session.replaced(open.id, message);
    if (kind === "refused") {
      if (batch.length > 1) {
        batchLimit = Math.max(1, Math.floor(batch.length / 2));
        return;
      }
      log.error({ event: "event_refused", ...where(batch[0]), reason: message });
      for (const forgotten of queue.drop(batch)) deps.onForgotten(forgotten);
      return;
    }
    if (backoff.failures === 0) log.warn({ event: "events_not_stored", waiting: queue.size(), reason: message });
    await clock.sleep(backoff.next(), signal).catch(ignoreAbort);
  };
  return {
    wake: () => bell.ring(),
    async run() {
      while (!signal.aborted) {
        const nowMonoMs = clock.monotonicMs();
        const ready = queue.ready(batchLimit, nowMonoMs);
        const placeholders = ready.filter(({ isPlaceholder }) => isPlaceholder);
        if (placeholders.length > 0) {
          const upTo = ready.indexOf(placeholders[0] as Relayed);
          if (upTo === 0) {
            for (const forgotten of queue.drop(placeholders.slice(0, 1))) deps.onForgotten(forgotten);
            continue;
          }
          ready.length = upTo;
        }
        if (ready.length === 0) {
          await bell.wait(queue.gapEndsInMs(nowMonoMs) ?? 60_000, signal);
          continue;
        }
        const open = await deps.session.ready();
        await send(open, ready);
      }
    },
  };
}

function where(relayed: Relayed | undefined) {
  const event = relayed?.event;
  return { taskId: event?.taskId, fence: event?.fence, seq: event?.seq, type: event?.type };
}
