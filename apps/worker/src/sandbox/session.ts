import type { Assignment, SessionOpened } from "@valet/contracts";
import { type Clock, type LeaseTimes, leaseTimes } from "@valet/shared";
import { type Backoff, makeBackoff } from "../backoff.ts";
import { type Bell, ignoreAbort, makeBell } from "../bell.ts";
import type { Log } from "../log.ts";
import type { Api } from "./api.ts";

/** Wire versions of the session that this sandbox worker speaks. */
export const sessionWire = { min: 1, max: 1 } as const;

export interface OpenSession {
  id: string;
  times: LeaseTimes;
}
/** The sandbox's one session. Loops ask for it before each call and say when the API no longer takes it. */
export interface Session {
  /** The open session; waits for one. Rejects only when the worker stops. */
  ready(): Promise<OpenSession>;
  /** The open session, or null at this moment. */
  current(): OpenSession | null;
  /** Times of the newest session; the defaults before the first. */
  times(): LeaseTimes;
  /** The API said that this session is over: open another. */
  replaced(sessionId: string, why: string): void;
  /** Opens and reopens until the signal is aborted. */
  run(): Promise<void>;
}

export interface SessionDeps {
  api: Api;
  clock: Clock;
  log: Log;
  signal: AbortSignal;
  bootId: string;
  version: string;
  random: () => number;
  /** Attempts that the database holds for this sandbox, at each opening. */
  onOpened: (attempts: Assignment[], session: OpenSession) => void;
}

export function makeSession(deps: SessionDeps): Session {
  const { clock, signal, log } = deps;
  const bell: Bell = makeBell(clock);
  const backoff: Backoff = makeBackoff(100, 5_000, deps.random);
  let open: OpenSession | null = null;
  let times = leaseTimes();
  let openedAtMs = 0;
  let pauseMs = 0;
  let waiting: (() => void)[] = [];

  const accept = (opened: SessionOpened) => {
    times = leaseTimes(opened.leaseMs);
    open = { id: opened.sessionId, times };
    openedAtMs = clock.monotonicMs();
    log.info({ event: "session_opened", sessionId: opened.sessionId, attempts: opened.attempts.length });
    deps.onOpened(opened.attempts, open);
    for (const wake of waiting.splice(0)) wake();
  };
  const reopen = async () => {
    const { bootId, version } = deps;
    const answer = await deps.api.call((client, s) =>
      client.openSession({ body: { bootId, version, wire: sessionWire }, signal: s }),
    );
    if (answer.ok) return accept(answer.value);
    if (backoff.failures === 0) log.warn({ event: "session_not_opened", reason: answer.error.message });
    pauseMs = backoff.next();
  };
  return {
    current: () => open,
    times: () => times,
    ready: () =>
      new Promise((resolve, reject) => {
        const settle = () => {
          signal.removeEventListener("abort", settle);
          waiting = waiting.filter((other) => other !== settle);
          if (open) resolve(open);
          else reject(signal.reason as Error);
        };
        if (open || signal.aborted) return settle();
        waiting.push(settle);
        signal.addEventListener("abort", settle, { once: true });
      }),
    replaced(sessionId, why) {
      if (open?.id !== sessionId) return;
      open = null;
      log.warn({ event: "session_lost", sessionId, reason: why });
      // Two workers that take the session from each other in turn slow down; a single loss is repaired at once.
      if (clock.monotonicMs() - openedAtMs > times.heartbeatMs) backoff.reset();
      const again = backoff.next();
      pauseMs = backoff.failures === 1 ? 0 : again;
      bell.ring();
    },
    async run() {
      while (!signal.aborted) {
        if (open) {
          await bell.wait(60_000, signal);
          continue;
        }
        if (pauseMs > 0) await clock.sleep(pauseMs, signal).catch(ignoreAbort);
        if (!signal.aborted) await reopen();
      }
    },
  };
}
