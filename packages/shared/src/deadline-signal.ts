/**
 * A signal that aborts after `ms`, or with its parent. Use it instead of `AbortSignal.any([parent, AbortSignal.timeout(ms)])`: in Node 20
 * such a timeout may be collected as garbage while somebody waits for it, and then never comes. Keeps no process alive.
 */
export function deadlineSignal(ms: number, parent: AbortSignal): AbortSignal {
  const controller = new AbortController();
  if (parent.aborted) {
    controller.abort(parent.reason);
    return controller.signal;
  }
  const end = (reason: unknown) => {
    clearTimeout(timer);
    parent.removeEventListener("abort", endWithParent);
    controller.abort(reason);
  };
  const endWithParent = () => end(parent.reason);
  const late = `no answer within ${Math.round(ms)} ms`;
  const timer = setTimeout(() => end(new DOMException(late, "TimeoutError")), ms);
  const handle: unknown = timer;
  if (hasUnref(handle)) handle.unref();
  parent.addEventListener("abort", endWithParent, { once: true });
  return controller.signal;
}

/** Timers are numbers in a browser. */
function hasUnref(timer: unknown): timer is { unref(): void } {
  return typeof timer === "object" && timer !== null && "unref" in timer;
}
