/**
 * A signal that aborts after `ms`, or with its parent. Use it instead of `AbortSignal.any([parent, AbortSignal.timeout(ms)])`: in Node 20
 * such a timeout may be collected as garbage while somebody waits for it, and then never comes. Here the timer itself holds it. Keeps no
 * process alive, and leaves no listener on the parent.
 */
export function deadlineSignal(ms: number, parent: AbortSignal): AbortSignal {
  if (parent.aborted) return parent;
  const controller = new AbortController();
  const late = `no answer within ${Math.round(ms)} ms`;
  const timer: unknown = setTimeout(() => controller.abort(new DOMException(late, "TimeoutError")), ms);
  if (hasUnref(timer)) timer.unref();
  return AbortSignal.any([parent, controller.signal]);
}

/** Timers are numbers in a browser. */
function hasUnref(timer: unknown): timer is { unref(): void } {
  return typeof timer === "object" && timer !== null && "unref" in timer;
}
