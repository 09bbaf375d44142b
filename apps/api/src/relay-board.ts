import type { RelayedCommand } from "@valet/contracts";
import { relayedCommandSchema } from "@valet/contracts";
import { type Database, noteAgentLink, sandboxesWithRelayRequests, takeRelayRequests } from "@valet/db";
import type { Logger } from "pino";
import type { Notifications } from "./notifications.ts";

/** The long-polls of the agents on this process. */
export interface RelayBoard {
  /** Commands for this sandbox's agent as soon as there are any; none once `waitMs` is over. */
  wait(poll: { sandboxId: string; waitMs: number; signal: AbortSignal }): Promise<RelayedCommand[]>;
  start(): void;
  stop(): void;
}

const mostAtOnce = 20;
const recheckMs = 1_000;
const commandSchema = relayedCommandSchema.omit({ id: true });

/** Woken by NOTIFY valet_relay; once a second one cheap query for all covers a notification that was missed. */
export function makeRelayBoard(db: Database, notifications: Notifications, logger: Logger): RelayBoard {
  const waiters = new Map<string, Set<() => void>>();
  let timer: NodeJS.Timeout | undefined;
  const wake = (sandboxId: string) => {
    for (const ring of [...(waiters.get(sandboxId) ?? [])]) ring();
  };
  const wakeAll = () => [...waiters.keys()].forEach(wake);
  notifications.on("relay", wake, wakeAll);

  async function take(sandboxId: string): Promise<RelayedCommand[]> {
    const found = await takeRelayRequests(db, sandboxId, mostAtOnce);
    return found.map(({ id, request }) => ({ id, ...commandSchema.parse(request) }));
  }

  /** Resolves at the next ring, at the end of the wait or when the caller left. */
  function ringOrEnd(sandboxId: string, ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const set = waiters.get(sandboxId) ?? new Set();
      const done = () => {
        clearTimeout(deadline);
        signal.removeEventListener("abort", done);
        set.delete(done);
        if (set.size === 0 && waiters.get(sandboxId) === set) waiters.delete(sandboxId);
        resolve();
      };
      const deadline = setTimeout(done, ms);
      signal.addEventListener("abort", done, { once: true });
      set.add(done);
      waiters.set(sandboxId, set);
    });
  }

  return {
    async wait({ sandboxId, waitMs, signal }) {
      await noteAgentLink(db, sandboxId);
      const endsAtMs = performance.now() + waitMs;
      for (;;) {
        // Listening before looking: a request that comes between the two still rings.
        const ring = new AbortController();
        const leftMs = Math.max(0, endsAtMs - performance.now());
        const rung = ringOrEnd(sandboxId, leftMs, AbortSignal.any([signal, ring.signal]));
        const commands = await take(sandboxId).catch((error: unknown) => {
          ring.abort();
          throw error;
        });
        if (commands.length > 0 || leftMs === 0 || signal.aborted) {
          ring.abort();
          return commands;
        }
        await rung;
      }
    },
    start() {
      timer = setInterval(() => {
        if (waiters.size === 0) return;
        sandboxesWithRelayRequests(db).then(
          (ids) => ids.forEach(wake),
          (cause: unknown) => logger.warn({ event: "relay_board_failed", err: cause }, "relayed commands not read"),
        );
      }, recheckMs);
    },
    stop: () => clearInterval(timer),
  };
}
