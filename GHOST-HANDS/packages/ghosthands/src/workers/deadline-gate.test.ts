import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { Browser } from "./browser.ts";
import { makeDeadlineGate } from "./deadline-gate.ts";
import { makeLease } from "./lease.ts";
import { startTimer } from "./pausable-timer.ts";

const first = { fence: 1, lease_id: "lease-1", renewed_wall_ms: 0, renewed_mono_ms: 0, lease_ms: 4_000 };
const never = new AbortController().signal;

function gateWithLease() {
  const now = { wallMs: 0, monoMs: 0 };
  const clock = { wallMs: () => now.wallMs, monoMs: () => now.monoMs };
  const seen: string[] = [];
  const gate = makeDeadlineGate({
    lease: makeLease(first, clock),
    clock,
    onFrozen: () => seen.push("frozen"),
    onThawed: () => seen.push("thawed"),
    onRenewed: () => seen.push("renewed"),
  });
  gate.attach({ freeze: () => seen.push("stop"), thaw: () => seen.push("continue") } as unknown as Browser);
  return { now, gate, seen };
}

describe("the deadline gate", () => {
  it("compares before every action and holds what comes past the deadline until a renewal", async () => {
    const { now, gate, seen } = gateWithLease();
    await gate.pass(never);
    now.monoMs = 3_000;
    let hasPassed = false;
    const passing = gate.pass(never).then(() => (hasPassed = true));
    expect(seen).toEqual(["stop", "frozen"]);
    gate.check();
    await sleep(5);
    expect([hasPassed, gate.isFrozen(), seen.length]).toEqual([false, true, 2]);
    gate.renew({ ...first, fence: 2, renewed_mono_ms: 3_000, renewed_wall_ms: 3_000 });
    expect(gate.isFrozen()).toBe(true);
    gate.renew({ ...first, renewed_mono_ms: 2_900, renewed_wall_ms: 2_900 });
    await passing;
    expect(seen).toEqual(["stop", "frozen", "renewed", "continue", "thawed"]);
  });

  it("a renewal that is itself past the deadline thaws nothing", () => {
    const { now, gate, seen } = gateWithLease();
    now.monoMs = 9_000;
    gate.check();
    gate.renew({ ...first, renewed_mono_ms: 1_000 });
    expect(seen).toEqual(["stop", "frozen"]);
  });

  it("continues the browser at each renewal, for the agent may have stopped it from outside", () => {
    const { now, gate, seen } = gateWithLease();
    now.monoMs = 100;
    gate.renew({ ...first, renewed_mono_ms: 100, renewed_wall_ms: 0 });
    expect(seen).toEqual(["renewed", "continue"]);
  });

  it("lets go of what waits when the attempt ends", async () => {
    const { now, gate } = gateWithLease();
    now.monoMs = 3_000;
    const abort = new AbortController();
    const passing = gate.pass(abort.signal);
    abort.abort(new Error("cancelled"));
    await expect(passing).rejects.toThrow("cancelled");
  });

  it("a timeout that falls due past the deadline freezes instead of failing the step", async () => {
    const { now, gate, seen } = gateWithLease();
    let hasTimedOut = false;
    const timer = gate.timer(10, () => (hasTimedOut = true));
    now.monoMs = 3_500;
    await sleep(40);
    expect([hasTimedOut, seen]).toEqual([false, ["stop", "frozen"]]);
    timer.cancel();
  });
});

describe("a pausable timer", () => {
  it("does not count held time and ends only when every hold is taken back", async () => {
    let hasEnded = false;
    const timer = startTimer(
      30,
      () => (hasEnded = true),
      () => performance.now(),
    );
    timer.hold();
    timer.hold();
    await sleep(60);
    timer.unhold();
    await sleep(60);
    expect(hasEnded).toBe(false);
    timer.unhold();
    await expect.poll(() => hasEnded).toBe(true);
  });

  it("starts held when asked to, and never ends once cancelled", async () => {
    let ends = 0;
    const timer = startTimer(
      1,
      () => (ends += 1),
      () => performance.now(),
      1,
    );
    await sleep(20);
    expect(ends).toBe(0);
    timer.cancel();
    timer.unhold();
    await sleep(20);
    expect(ends).toBe(0);
  });
});
