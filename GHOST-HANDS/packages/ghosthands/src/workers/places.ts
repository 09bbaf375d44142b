import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import type { Browser } from "./browser.ts";
import type { DesiredSlots, DesiredSlotsFile } from "./desired-slots.ts";

export type Role = number | "spare";
export type SlotView = { index: number; state: "preparing" | "ready" | "busy" | "closed" };
export type SpareState = "none" | "preparing" | "ready" | "failed";

/** Room for one browser. A place takes another role when its browser does: that is how a spare becomes a slot. */
export interface Place {
  role: Role;
  /** preparing → ready (launched) → busy (claimed) → preparing (renewed) …; any → closing (no longer wanted). */
  state: "preparing" | "ready" | "busy" | "closing";
  browser: Browser | undefined;
  error: string | null;
  failures: number;
  /** Ends the wait between two tries to launch. */
  retryWait: AbortController;
}

/**
 * Keeps the browsers that are wanted, at most one more than slots. Level-triggered: `reconcile` compares what is
 * wanted with what is there, after every change of either.
 */
export interface Places {
  desired(): DesiredSlots;
  want(desired: DesiredSlots): void;
  /** A ready browser for a slot, the spare, or whichever is free first (`any`); waits until there is one. */
  claim(wanted: Role | "any", signal: AbortSignal): Promise<Place>;
  /**
   * The job is over: kills the browser and prepares a fresh one, if still wanted. Resolves once the old one was ended: whether and when
   * the next one starts is not the job's affair.
   */
  release(place: Place): Promise<void>;
  slots(): SlotView[];
  spare(): { state: SpareState; error: string | null };
  /** Kills every browser; nothing is prepared any more. */
  close(): Promise<void>;
}

export interface PlacesDeps {
  capacity: number;
  file: DesiredSlotsFile;
  launch: () => Promise<Browser>;
  onChange: () => void;
  logger: Logger;
}

const firstRetryMs = 250;
const maxRetryMs = 10_000;

interface Claim {
  wanted: Role | "any";
  take: (place: Place) => void;
}

export function makePlaces({ capacity, file, launch, onChange, logger }: PlacesDeps): Places {
  let desired = file.read();
  const places = new Set<Place>();
  const claims = new Set<Claim>();
  let launching: Promise<unknown> = Promise.resolve();
  const closed = new AbortController();
  const underWay = new Set<Promise<void>>();
  /** Work that goes on by itself; closing waits for it. */
  const start = (work: Promise<void>): void => {
    const ended = work
      .catch((error: unknown) => logger.error({ event: "place_failed", error: String(error) }))
      .finally(() => underWay.delete(ended));
    underWay.add(ended);
  };

  const inRole = (role: Role) => [...places].find((place) => place.role === role && place.state !== "closing");
  const isWanted = (role: Role) => (role === "spare" ? isSpareWanted() : desired.owned.includes(role));
  const isSpareWanted = () =>
    desired.spare || [...claims].some((claim) => claim.wanted === "spare" || needsSpare(claim));
  // A job without a slot of its own, on a worker that owns none, runs in the spare.
  const needsSpare = (claim: Claim) => claim.wanted === "any" && desired.owned.length === 0;

  function reconcile(): void {
    if (closed.signal.aborted) return;
    for (const index of desired.owned) {
      if (inRole(index)) continue;
      const free = idleUnwanted() ?? inIdleSpare();
      if (free) free.role = index;
      else add(index);
    }
    if (isSpareWanted() && !inRole("spare")) {
      const free = idleUnwanted();
      if (free) free.role = "spare";
      else add("spare");
    }
    for (const place of [...places]) if (!isWanted(place.role) && isIdle(place)) start(end(place));
    serveClaims();
    onChange();
  }

  const isIdle = (place: Place) => place.state === "ready" || place.state === "preparing";
  const idleUnwanted = () =>
    [...places].find((place) => place.role !== "spare" && isIdle(place) && !desired.owned.includes(place.role));
  const inIdleSpare = () => [...places].find((place) => place.role === "spare" && isIdle(place));

  function add(role: Role): void {
    if (places.size > capacity) return; // One more than slots; the next ending place makes room.
    const place: Place = {
      role,
      state: "preparing",
      browser: undefined,
      error: null,
      failures: 0,
      retryWait: new AbortController(),
    };
    places.add(place);
    start(prepare(place));
  }

  async function prepare(place: Place): Promise<void> {
    while (isPreparing(place)) {
      // One after the other: three launches at once take longer than three in a row.
      const launched = launching.then(() => (isPreparing(place) ? launch() : undefined));
      launching = launched.catch(() => undefined);
      try {
        const browser = await launched;
        if (browser && isPreparing(place)) return arrived(place, browser);
        await browser?.kill();
      } catch (error) {
        place.failures += 1;
        place.error = error instanceof Error ? error.message : String(error);
        logger.error({ event: "browser_not_started", role: place.role, failures: place.failures, error: place.error });
        onChange();
        await pause(place, Math.min(maxRetryMs, firstRetryMs * 2 ** (place.failures - 1)));
      }
    }
    remove(place);
  }

  const isPreparing = (place: Place) => place.state === "preparing" && !closed.signal.aborted;
  const pause = (place: Place, ms: number) =>
    sleep(ms, undefined, { signal: AbortSignal.any([closed.signal, place.retryWait.signal]) }).catch(() => undefined);

  function arrived(place: Place, browser: Browser): void {
    Object.assign(place, { browser, state: "ready", error: null, failures: 0 });
    void browser.gone.then(() => {
      // A busy one's job deals with it; an idle one is simply made anew.
      if (place.browser === browser && place.state === "ready") start(renew(place, browser));
    });
    reconcile();
  }

  async function renew(place: Place, browser: Browser, killed = browser.kill()): Promise<void> {
    place.state = "preparing";
    place.browser = undefined;
    onChange();
    await untilGone(place, browser, killed);
    if (isWanted(place.role)) await prepare(place);
    else remove(place);
  }

  /** A process that survives SIGKILL, or a profile that cannot be removed, costs this place, not the worker and its other jobs. */
  async function untilGone(place: Place, browser: Browser, killed: Promise<void>): Promise<void> {
    for (let next = killed; ; next = browser.kill()) {
      try {
        return await next;
      } catch (error) {
        place.error = error instanceof Error ? error.message : String(error);
        logger.error({ event: "browser_not_gone", role: place.role, error: place.error });
        onChange();
        if (closed.signal.aborted) return;
        await pause(place, maxRetryMs);
      }
    }
  }

  /** One that is being launched is removed by whoever launches it. */
  async function end(place: Place): Promise<void> {
    const isUp = place.state === "ready";
    place.state = "closing";
    place.retryWait.abort();
    if (!isUp) return;
    await place.browser?.kill();
    remove(place);
  }

  function remove(place: Place): void {
    places.delete(place);
    reconcile();
  }

  function serveClaims(): void {
    for (const claim of claims) {
      const ready = [...places].filter((place) => place.state === "ready");
      const place =
        claim.wanted === "any"
          ? (ready.find((candidate) => candidate.role !== "spare") ?? (needsSpare(claim) ? ready[0] : undefined))
          : ready.find((candidate) => candidate.role === claim.wanted);
      if (!place) continue;
      claims.delete(claim);
      place.state = "busy";
      claim.take(place);
    }
  }

  return {
    desired: () => desired,
    want(next) {
      desired = {
        owned: [...new Set(next.owned)].filter((index) => index < capacity).sort((a, b) => a - b),
        spare: next.spare,
      };
      file.write(desired);
      reconcile();
    },
    claim: (wanted, signal) =>
      new Promise((resolve, reject) => {
        signal.throwIfAborted();
        const onAbort = () => {
          claims.delete(claim);
          reject(signal.reason as Error);
          reconcile();
        };
        const claim: Claim = {
          wanted,
          take: (place) => {
            signal.removeEventListener("abort", onAbort);
            resolve(place);
          },
        };
        signal.addEventListener("abort", onAbort, { once: true });
        claims.add(claim);
        reconcile();
      }),
    async release(place) {
      const { browser } = place;
      if (!browser) return;
      const killed = browser.kill();
      start(renew(place, browser, killed));
      await killed.catch(() => undefined);
    },
    slots: () =>
      [...places]
        .filter((place): place is Place & { role: number } => place.role !== "spare")
        .map((place) => ({ index: place.role, state: place.state === "closing" ? ("closed" as const) : place.state }))
        .sort((a, b) => a.index - b.index),
    spare() {
      const place = inRole("spare");
      if (!place) return { state: "none", error: null };
      if (place.state === "ready") return { state: "ready", error: null };
      return { state: place.error === null ? "preparing" : "failed", error: place.error };
    },
    async close() {
      closed.abort();
      await Promise.all([...places].map((place) => place.browser?.kill()));
      await Promise.all(underWay);
      places.clear();
    },
  };
}
