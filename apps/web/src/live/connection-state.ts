import { assertNever } from "@valet/shared";

/** Where the live connection stands. `attempt` counts tries since it was last open. */
export type ConnectionState =
  | { phase: "connecting"; attempt: number }
  | { phase: "open" }
  | { phase: "waiting"; attempt: number; retryAtMs: number }
  | { phase: "denied" }
  | { phase: "stopped" };

export type ConnectionEvent =
  { type: "opened" } | { type: "lost"; retryAtMs: number } | { type: "denied" } | { type: "try" } | { type: "stop" };

/** The next state. `denied` and `stopped` are left by nothing but a new connection object. */
export function nextConnectionState(state: ConnectionState, event: ConnectionEvent): ConnectionState {
  if (state.phase === "denied" || state.phase === "stopped") return state;
  switch (event.type) {
    case "opened":
      return { phase: "open" };
    case "lost":
      return { phase: "waiting", attempt: attemptOf(state) + 1, retryAtMs: event.retryAtMs };
    case "denied":
      return { phase: "denied" };
    case "try":
      return state.phase === "waiting" ? { phase: "connecting", attempt: state.attempt } : state;
    case "stop":
      return { phase: "stopped" };
    default:
      return assertNever(event);
  }
}

export function attemptOf(state: ConnectionState): number {
  return state.phase === "connecting" || state.phase === "waiting" ? state.attempt : 0;
}

/** Doubling from 0.5 s to 15 s, each spread over half of itself so that a fleet of dashboards does not return as one. */
export function backoffMs(attempt: number, random: () => number): number {
  const fullMs = Math.min(15_000, 500 * 2 ** Math.min(attempt, 10));
  return Math.round(fullMs / 2 + (fullMs / 2) * random());
}
