import type { AttemptRef, Heartbeat, HeartbeatReply } from "@valet/contracts";
import type { Clock, LeaseTimes } from "@valet/shared";
import { makeBackoff } from "../backoff.ts";
import { type Bell, ignoreAbort, makeBell } from "../bell.ts";
import type { Log } from "../log.ts";
import type { Api } from "./api.ts";
import type { AttemptBook } from "./attempt-book.ts";
import { isOnItsWay } from "./deliver.ts";
import { type GenerationView, attemptsIn, isReachable, reportOf } from "./generation-view.ts";
import type { Generations } from "./generations.ts";
import { type Moment, momentOf } from "./host-clock.ts";
import type { RelayQueue } from "./relay-queue.ts";
import type { Session } from "./session.ts";

export interface HeartbeatSources {
  generations: Pick<Generations, "views" | "isAgentReachable">;
  book: AttemptBook;
  queue: Pick<RelayQueue, "relaying">;
}
export interface HeartbeatDeps extends HeartbeatSources {
  api: Api;
  session: Session;
  clock: Clock;
  log: Log;
  signal: AbortSignal;
  random: () => number;
  /** `sent` is the moment the answered heartbeat left: leases count from it. */
  onReply: (reply: HeartbeatReply, sent: Moment) => void;
}
export interface HeartbeatLoop {
  /** Something changed: send one now. */
  now(): void;
  run(): Promise<void>;
}

const longestBackoffMs = 10_000;

export function makeHeartbeat(deps: HeartbeatDeps): HeartbeatLoop {
  const { api, session, clock, log, signal } = deps;
  const bell: Bell = makeBell(clock);
  // At its longest a period: what a whole fleet sends when the API is back again must be no more than on any other day.
  const backoff = makeBackoff(100, longestBackoffMs);
  const beat = async (): Promise<boolean> => {
    const open = await session.ready();
    const sent = momentOf(clock);
    const body = heartbeatOf(deps, open.times, sent);
    const timeoutMs = Math.min(open.times.deadlineMs / 2, Math.max(open.times.heartbeatMs, 2_000));
    const answer = await api.call(
      (client, s) => client.heartbeat({ params: { id: open.id }, body, signal: s }),
      timeoutMs,
    );
    if (answer.ok) {
      if (backoff.failures > 0) log.info({ event: "heartbeat_again" });
      backoff.reset();
      deps.onReply(answer.value, sent);
      return true;
    }
    if (answer.error.kind === "replaced") session.replaced(open.id, answer.error.message);
    else if (backoff.failures === 0 && !signal.aborted)
      log.warn({ event: "heartbeat_not_answered", reason: answer.error.message });
    return false;
  };
  return {
    now: () => bell.ring(),
    async run() {
      // Hosts that come up, or come back from an outage, together would beat together ever after: each begins its own period.
      let isSpread = false;
      while (!signal.aborted) {
        const startedAtMonoMs = clock.monotonicMs();
        const wasAnswered = await beat();
        const { heartbeatMs, confirmMs } = session.times();
        // Changes that come in a burst share a heartbeat.
        const pauseMs = wasAnswered
          ? Math.min(10, confirmMs / 10)
          : Math.min(backoff.next(), heartbeatMs * (0.5 + deps.random() / 2));
        await clock.sleep(pauseMs, signal).catch(ignoreAbort);
        if (!wasAnswered) {
          isSpread = false;
          continue;
        }
        const periodMs = isSpread ? heartbeatMs : heartbeatMs * deps.random();
        const wasRung = await bell.wait(startedAtMonoMs + periodMs - clock.monotonicMs(), signal);
        isSpread ||= !wasRung;
      }
    },
  };
}

/** Everything the control plane hears of this host, from what was last seen. */
export function heartbeatOf(sources: HeartbeatSources, times: LeaseTimes, sent: Moment): Heartbeat {
  const now = { monoMs: sent.monoMs, freshMs: times.confirmFreshMs };
  const views = sources.generations.views().toSorted((a, b) => b.agent.generation - a.agent.generation);
  return {
    sentAtMs: sent.wallMs,
    agentReachable: sources.generations.isAgentReachable(),
    generations: views.slice(0, 20).map((view) => {
      const report = reportOf(view, now, sources.queue.relaying(view.agent.generation));
      return { ...report, attempts: report.attempts.filter((ref) => !sources.book.hasEnded(ref)) };
    }),
    attempts: attemptsToRenew(sources, views, times, now.monoMs),
  };
}

/**
 * Only what a GH worker confirmed lately, what is still on its way to one, and ends on their way up. An attempt that a silent
 * GH worker may or may not run is NOT repeated: its lease must be able to run out.
 */
export function attemptsToRenew(
  { book, queue }: HeartbeatSources,
  views: readonly GenerationView[],
  times: LeaseTimes,
  nowMonoMs: number,
): AttemptRef[] {
  const now = { monoMs: nowMonoMs, freshMs: times.confirmFreshMs };
  const confirmed = views
    .filter((view) => isReachable(view, now))
    .flatMap(({ inventory }) => attemptsIn(inventory).map(({ ref }) => ref));
  const onTheirWay = book
    .all()
    .filter((attempt) => isOnItsWay(attempt, times, nowMonoMs))
    .map(({ ref }) => ref);
  const relaying = views.flatMap((view) => queue.relaying(view.agent.generation));
  const unique = new Map([...confirmed, ...onTheirWay, ...relaying].map((ref) => [`${ref.taskId}:${ref.fence}`, ref]));
  return [...unique.values()].filter((ref) => !book.hasEnded(ref)).slice(0, 1000);
}
