import type { Assignments } from "@valet/contracts";
import { taskSubmitSchema } from "@valet/contracts";
import { type Database, type SessionNews, sessionNews, sessionsWithNews } from "@valet/db";
import { UserError } from "@valet/shared";
import type { Logger } from "pino";
import { makeBatch } from "./batch.ts";
import type { Notifications } from "./notifications.ts";

export interface Poll {
  sandboxId: string;
  sessionId: string;
  /** The plan this session knows; a newer one is news. */
  planRevision: number;
  waitMs: number;
  signal: AbortSignal;
}

/** The long-polls of all sandboxes on this process. */
export interface AssignmentBoard {
  /** Resolves as soon as there is news, or with what there is once `waitMs` is over. Throws `conflict` when the session was replaced. */
  wait(poll: Poll): Promise<Assignments>;
  start(): void;
  /** Answers every poll with what was last known. */
  stop(): void;
  waiting(): number;
}

interface Waiter extends Poll {
  answer(news: SessionNews): void;
  refuse(error: unknown): void;
  isDue: boolean;
}

const recheckMs = 1_000;
/** What a session was told and has not acted on is repeated after this, not at once: its answer is on the way. */
const repeatMs = 1_000;
const mostToldSessions = 20_000;

/**
 * Woken by NOTIFY valet_sandbox; polls that wake together are answered from one query. Once a second one cheap query covers a
 * notification that was missed.
 */
export function makeAssignmentBoard(db: Database, notifications: Notifications, logger: Logger): AssignmentBoard {
  const waiters = new Map<string, Set<Waiter>>();
  /** session -> attempt -> when it was told. */
  const told = new Map<string, Map<string, number>>();
  let timer: NodeJS.Timeout | undefined;

  const onError = (cause: unknown) =>
    logger.warn({ event: "board_failed", err: cause }, "assignments could not be read");
  const all = () => [...waiters.values()].flatMap((set) => [...set]);
  const batch = makeBatch<string>(async (sandboxIds) => {
    try {
      const found = new Map((await sessionNews(db, sandboxIds)).map((news) => [news.sandboxId, news]));
      for (const id of sandboxIds) for (const waiter of [...(waiters.get(id) ?? [])]) settle(waiter, found.get(id));
    } catch (cause) {
      for (const id of sandboxIds)
        for (const waiter of [...(waiters.get(id) ?? [])]) if (waiter.isDue) waiter.refuse(cause);
      throw cause;
    }
  }, onError);

  const settle = (waiter: Waiter, news: SessionNews | undefined) => {
    if (!news || news.sessionId !== waiter.sessionId)
      return waiter.refuse(new UserError("conflict", "A newer session took this one's place. Open a session again."));
    const isNews = news.plan.revision !== waiter.planRevision || tellsSomethingNew(waiter.sessionId, news);
    if (isNews || waiter.isDue) waiter.answer(news);
  };
  const tellsSomethingNew = (sessionId: string, news: SessionNews): boolean => {
    const heard = told.get(sessionId);
    const now = performance.now();
    return [...news.assignments, ...news.cancel].some(
      (one) => now - (heard?.get(toldKey(one)) ?? -Infinity) >= repeatMs,
    );
  };
  const remember = (sessionId: string, news: SessionNews) => {
    const now = performance.now();
    told.delete(sessionId);
    told.set(sessionId, new Map([...news.assignments, ...news.cancel].map((one) => [toldKey(one), now])));
    const oldest = told.keys().next().value;
    if (told.size > mostToldSessions && oldest !== undefined) told.delete(oldest);
  };
  const recheck = async () => {
    const polls = all();
    if (polls.length === 0) return;
    for (const id of await sessionsWithNews(db, polls)) batch.add(id);
  };

  notifications.on(
    "sandbox",
    (sandboxId) => {
      if (waiters.has(sandboxId)) batch.add(sandboxId);
    },
    () => {
      for (const id of waiters.keys()) batch.add(id);
    },
  );

  const wait = (poll: Poll) =>
    new Promise<Assignments>((resolve, reject) => {
      const set = waiters.get(poll.sandboxId) ?? new Set<Waiter>();
      const leave = () => {
        clearTimeout(deadline);
        poll.signal.removeEventListener("abort", due);
        set.delete(waiter);
        if (set.size === 0 && waiters.get(poll.sandboxId) === set) waiters.delete(poll.sandboxId);
      };
      const waiter: Waiter = {
        ...poll,
        isDue: poll.signal.aborted,
        answer(news) {
          leave();
          remember(poll.sessionId, news);
          resolve(assignmentsOf(news));
        },
        refuse(error) {
          leave();
          reject(error);
        },
      };
      const due = () => {
        waiter.isDue = true;
        batch.add(poll.sandboxId);
      };
      const deadline = setTimeout(due, poll.waitMs);
      poll.signal.addEventListener("abort", due, { once: true });
      set.add(waiter);
      waiters.set(poll.sandboxId, set);
      batch.add(poll.sandboxId);
    });

  return {
    wait,
    start() {
      timer = setInterval(() => void recheck().catch(onError), recheckMs);
    },
    stop() {
      clearInterval(timer);
    },
    waiting: () => all().length,
  };
}

function toldKey(attempt: { taskId: string; fence: number }): string {
  return `${attempt.taskId}.${attempt.fence}`;
}

function assignmentsOf(news: SessionNews): Assignments {
  return {
    assignments: news.assignments.map((one) => ({ ...one, spec: taskSubmitSchema.parse(one.spec) })),
    cancel: news.cancel,
    plan: news.plan,
  };
}
