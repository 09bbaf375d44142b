import type { LiveEvent } from "@valet/contracts";
import type { CliContext } from "./context.ts";
import { CliFailure, exitCodes } from "./failure.ts";
import { openLiveSocket } from "./live-socket.ts";

/** Loaded again this often without a live connection, and with one (an event could have been missed). */
const pollMs = 2000;
const livePollMs = 15_000;
/** A burst of events is one load. */
const burstMs = 100;
/** An API that is away longer than this ends the following; a rollout goes on without us. */
const awayLimitMs = 600_000;

export interface Followed<View> {
  load(): Promise<View>;
  concerns(event: LiveEvent): boolean;
  isEnded(view: View): boolean;
  onView(view: View): void;
  /** The API went away, or is back (null). */
  onAway(failure: CliFailure | null): void;
}

/** Loads a thing again whenever a live event concerns it, else by polling, until it has ended. */
export async function follow<View>(context: CliContext, followed: Followed<View>): Promise<View> {
  const { clock, signal } = context.io;
  let wake = new AbortController();
  let isDirty = false;
  const socket = openLiveSocket(context, (event) => {
    if (event.type !== "reset" && !followed.concerns(event)) return;
    isDirty = true;
    wake.abort();
  });
  try {
    let view: View = await followed.load();
    let awaySinceMs: number | null = null;
    for (;;) {
      if (awaySinceMs === null) {
        followed.onView(view);
        if (followed.isEnded(view)) return view;
      }
      const waitMs = socket.isLive() && awaySinceMs === null ? livePollMs : pollMs;
      if (!isDirty) await sleepUnlessWoken(context, waitMs, wake.signal);
      if (signal.aborted) throw stopped();
      wake = new AbortController();
      await clock.sleep(burstMs, signal).catch(rethrowUnless(signal));
      if (signal.aborted) throw stopped();
      isDirty = false;
      const loaded = await loadOrAway(followed);
      if (loaded instanceof CliFailure) {
        if (awaySinceMs === null) followed.onAway(loaded);
        awaySinceMs ??= clock.now();
        if (clock.now() - awaySinceMs > awayLimitMs) throw loaded;
      } else {
        if (awaySinceMs !== null) followed.onAway(null);
        awaySinceMs = null;
        view = loaded.view;
      }
    }
  } finally {
    socket.close();
  }
}

async function loadOrAway<View>(followed: Followed<View>): Promise<{ view: View } | CliFailure> {
  try {
    return { view: await followed.load() };
  } catch (error) {
    if (error instanceof CliFailure && error.isPassing) return error;
    throw error;
  }
}

async function sleepUnlessWoken(context: CliContext, ms: number, wake: AbortSignal): Promise<void> {
  const either = AbortSignal.any([wake, context.io.signal]);
  await context.io.clock.sleep(ms, either).catch(rethrowUnless(either));
}

/** An aborted sleep is how it is meant to end; anything else is a failure. */
function rethrowUnless(signal: AbortSignal): (error: unknown) => void {
  return (error) => {
    if (!signal.aborted) throw error;
  };
}

function stopped(): CliFailure {
  return new CliFailure("Stopped watching", {
    code: "interrupted",
    hint: "What was watched goes on by itself.",
    exitCode: exitCodes.interrupted,
  });
}
