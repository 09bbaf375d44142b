import { describe, expect, it } from "vitest";
import { backoffMs, nextConnectionState, type ConnectionState } from "./connection-state.ts";

describe("nextConnectionState", () => {
  it("counts the tries until it is open", () => {
    let state: ConnectionState = { phase: "connecting", attempt: 0 };
    state = nextConnectionState(state, { type: "lost", retryAtMs: 5 });
    expect(state).toEqual({ phase: "waiting", attempt: 1, retryAtMs: 5 });
    state = nextConnectionState(state, { type: "try" });
    state = nextConnectionState(state, { type: "lost", retryAtMs: 9 });
    expect(state).toEqual({ phase: "waiting", attempt: 2, retryAtMs: 9 });
    state = nextConnectionState(nextConnectionState(state, { type: "try" }), { type: "opened" });
    expect(state).toEqual({ phase: "open" });
    expect(nextConnectionState(state, { type: "lost", retryAtMs: 1 })).toMatchObject({ attempt: 1 });
  });

  it("stays where nothing leads on", () => {
    for (const phase of ["denied", "stopped"] as const) {
      expect(nextConnectionState({ phase }, { type: "opened" })).toEqual({ phase });
    }
    expect(nextConnectionState({ phase: "open" }, { type: "try" })).toEqual({ phase: "open" });
  });
});

describe("backoffMs", () => {
  it("spreads each wait over the half of itself, and never exceeds 15 s", () => {
    expect(backoffMs(0, () => 0)).toBe(250);
    expect(backoffMs(0, () => 1)).toBe(500);
    expect(backoffMs(50, () => 1)).toBe(15_000);
  });
});
