import {
  type Database,
  type LiveEventRow,
  liveEventRange,
  liveEventsAfter,
  liveEventsByIds,
  liveEventsMissed,
} from "@valet/db";
import type { Logger } from "pino";
import { makeBatch } from "../batch.ts";
import type { Notifications } from "../notifications.ts";

export type LiveListener = (event: LiveEventRow) => void;
export type Replay = { kind: "events"; events: LiveEventRow[] } | { kind: "reset" };

/** Live events of the whole system, as this process hears of them. */
export interface LiveHub {
  subscribe(listener: LiveListener): () => void;
  /** What a client that saw `lastEventId` has missed; `reset` when that is too far back. `audience` null sees everything. */
  replayAfter(lastEventId: number, audience: string | null): Promise<Replay>;
  /** An event id heard of by other means than NOTIFY (Redis). */
  heardOf(eventId: number): void;
  start(): Promise<void>;
  stop(): Promise<void>;
}

export const mostReplayedEvents = 2_000;
const rememberedEvents = 2_000;
const catchUpMs = 2_000;
/** Ids are given out before commit, so a smaller one may appear after a larger: look this far back. */
const lateIds = 200;

/**
 * Events are passed on in the order in which their transactions committed (NOTIFY's order), each once. A look into the table every
 * two seconds finds what a broken LISTEN connection missed.
 */
export function makeLiveHub(db: Database, notifications: Notifications, logger: Logger): LiveHub {
  const listeners = new Set<LiveListener>();
  const recent: LiveEventRow[] = [];
  const known = new Set<number>();
  let newestId = 0;
  let timer: NodeJS.Timeout | undefined;

  const onError = (cause: unknown) =>
    logger.warn({ event: "live_read_failed", err: cause }, "live events could not be read; trying again");
  const publish = (event: LiveEventRow) => {
    if (known.has(event.id)) return;
    known.add(event.id);
    recent.push(event);
    newestId = Math.max(newestId, event.id);
    if (recent.length > rememberedEvents) known.delete(recent.shift()?.id ?? -1);
    for (const listener of listeners) listener(event);
  };
  const batch = makeBatch<number>(async (ids) => {
    const rows = new Map((await liveEventsByIds(db, ids)).map((row) => [row.id, row]));
    for (const id of ids) {
      const row = rows.get(id);
      if (row) publish(row);
    }
  }, onError);
  const catchUp = async () => {
    const from = recent.length > 0 ? Math.max(newestId - lateIds, (recent[0]?.id ?? 1) - 1) : newestId;
    for (const row of await liveEventsAfter(db, { lastId: from, limit: mostReplayedEvents })) publish(row);
  };
  const heardOf = (id: number) => {
    if (Number.isSafeInteger(id) && !known.has(id)) batch.add(id);
  };
  notifications.on(
    "live",
    (payload) => {
      for (const id of payload.split(",")) heardOf(Number(id));
    },
    () => void catchUp().catch(onError),
  );

  return {
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async replayAfter(lastEventId, audience) {
      const position = recent.findIndex((event) => event.id === lastEventId);
      if (position >= 0) return { kind: "events", events: recent.slice(position + 1).filter((e) => sees(audience, e)) };
      const { oldest, newest } = await liveEventRange(db);
      if (lastEventId > newest || (lastEventId < oldest - 1 && lastEventId > 0)) return { kind: "reset" };
      const rows = await liveEventsMissed(db, {
        lastId: lastEventId,
        limit: mostReplayedEvents + 1,
        ...(audience === null ? {} : { audience }),
      });
      return rows.length > mostReplayedEvents ? { kind: "reset" } : { kind: "events", events: rows };
    },
    heardOf,
    async start() {
      newestId = (await liveEventRange(db)).newest;
      timer = setInterval(() => void catchUp().catch(onError), catchUpMs);
    },
    async stop() {
      clearInterval(timer);
      listeners.clear();
      await batch.settled();
    },
  };
}

/** A tenant sees its own events; null (viewer, operator, admin) sees everything. */
export function sees(audience: string | null, event: LiveEventRow): boolean {
  return audience === null || event.audience === audience;
}
