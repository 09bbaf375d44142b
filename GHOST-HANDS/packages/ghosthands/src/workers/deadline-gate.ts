import type { GhLease } from "@valet/contracts";
import type { Browser } from "./browser.ts";
import type { HostClock } from "../runtime/host-clock.ts";
import { makeChangeSignal } from "../runtime/signal.ts";
import type { Lease } from "./lease.ts";
import { startTimer, type PausableTimer } from "./pausable-timer.ts";

/**
 * Keeps an attempt from acting past its deadline. Entry to frozen: the deadline is found past, by the watch or before an
 * action; the browser's process group is stopped. Exit: a renewal of the same fence (it goes on), or the attempt's end.
 */
export interface DeadlineGate {
  attach(browser: Browser): void;
  /** Resolves when an action may follow at once; waits while frozen. */
  pass(signal: AbortSignal): Promise<void>;
  /** The regular look; also called before every action. */
  check(): void;
  renew(renewal: GhLease): void;
  isFrozen(): boolean;
  /** A timeout that does not count frozen or held time. */
  timer(ms: number, onEnd: () => void): { cancel(): void };
  /** Runs something during which no timeout counts. */
  untimed<T>(work: () => Promise<T>): Promise<T>;
}

/** A timeout that fell due while this process was stopped gets another moment after the thaw. */
const graceMs = 1_000;

export function makeDeadlineGate(deps: {
  lease: Lease | undefined;
  clock: HostClock;
  onFrozen: () => void;
  onThawed: () => void;
  onRenewed: () => void;
}): DeadlineGate {
  const { lease, clock } = deps;
  const timers = new Set<PausableTimer>();
  const renewed = makeChangeSignal();
  let browser: Browser | undefined;
  let frozen = false;
  let holds = 0;

  const hold = () => {
    holds += 1;
    for (const timer of timers) timer.hold();
  };
  const unhold = () => {
    holds -= 1;
    for (const timer of timers) timer.unhold();
  };

  function check(): void {
    if (frozen || !lease?.isPastDeadline()) return;
    frozen = true;
    browser?.freeze();
    hold();
    deps.onFrozen();
  }

  return {
    attach(attached) {
      browser = attached;
      if (frozen) browser.freeze();
    },
    check,
    isFrozen: () => frozen,
    async pass(signal) {
      for (;;) {
        signal.throwIfAborted();
        check();
        if (!frozen) return;
        await renewed.wait(60_000, signal);
      }
    },
    renew(renewal) {
      if (!lease?.renew(renewal) || lease.isPastDeadline()) return;
      deps.onRenewed();
      // Always: the agent may have stopped the group from outside.
      browser?.thaw();
      if (!frozen) return;
      frozen = false;
      unhold();
      deps.onThawed();
      renewed.changed();
    },
    timer(ms, onEnd) {
      let current: PausableTimer;
      const start = (timeMs: number) => {
        current = startTimer(timeMs, ended, () => clock.monoMs(), holds);
        timers.add(current);
      };
      const ended = () => {
        timers.delete(current);
        check();
        if (frozen) start(graceMs);
        else onEnd();
      };
      start(ms);
      return {
        cancel() {
          current.cancel();
          timers.delete(current);
        },
      };
    },
    async untimed(work) {
      hold();
      try {
        return await work();
      } finally {
        unhold();
      }
    },
  };
}
