import { err, makeFakeClock, ok } from "@valet/shared";
import { describe, expect, it } from "vitest";
import type { HostRuntime, UnitSpec } from "./runtime.ts";
import { crashLoopRestarts, makeSupervisor } from "./supervisor.ts";

const spec: UnitSpec = { unit: "g1-api", program: "api", releaseRoot: "/r", env: {}, logPath: "/l" };

function makeRuntime() {
  const running = new Set<string>();
  const starts: number[] = [];
  const clock = makeFakeClock();
  const runtime: HostRuntime = {
    start({ unit }) {
      if (running.has(unit)) return ok({ pid: 1, startedAt: "" });
      starts.push(clock.monotonicMs());
      if (unit === "cannot") return err({ kind: "start", message: "no" });
      running.add(unit);
      return ok({ pid: starts.length, startedAt: "" });
    },
    inspect: (unit) => (running.has(unit) ? { pid: starts.length, startedAt: "" } : undefined),
    async stop(unit) {
      running.delete(unit);
    },
    known: () => [...running],
  };
  const supervisor = makeSupervisor(runtime, clock, () => undefined);
  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 100) {
      supervisor.tick();
      await clock.advance(100);
    }
  };
  return { supervisor, running, starts, pass, runtime };
}

describe("the supervisor", () => {
  it("leaves alone what runs, also what ran before it was asked to keep it", async () => {
    const { supervisor, running, starts, pass } = makeRuntime();
    running.add(spec.unit);
    supervisor.keep(spec);
    await pass(5000);
    expect(starts).toEqual([]);
    expect(supervisor.restarts(spec.unit)).toBe(0);
  });

  it("starts again what ended, waiting longer each time, and counts: a crash loop shows within seconds", async () => {
    const { supervisor, running, starts, pass } = makeRuntime();
    supervisor.keep(spec);
    for (let passed = 0; passed < 5000; passed += 100) {
      running.clear();
      await pass(100);
    }
    const pauses = starts.slice(1).map((at, i) => at - (starts[i] ?? 0));
    expect(pauses.every((pause, i) => i === 0 || pause > (pauses[i - 1] ?? 0))).toBe(true);
    expect(supervisor.restarts(spec.unit)).toBeGreaterThanOrEqual(crashLoopRestarts);
    expect(starts.length).toBeLessThan(8);
  });

  it("starts nothing once it is closed, whoever still asks: what an ending agent starts nobody would end", async () => {
    const { supervisor, starts, pass } = makeRuntime();
    supervisor.close();
    supervisor.keep(spec);
    await pass(1000);
    expect(starts).toEqual([]);
  });

  it("waits little again after a unit ran for a minute", async () => {
    const { supervisor, running, starts, pass } = makeRuntime();
    supervisor.keep(spec);
    for (let i = 0; i < 4; i++) {
      await pass(70_000);
      running.clear();
    }
    const before = starts.length;
    await pass(400);
    expect(starts.length).toBe(before + 1);
  });

  it("F21: forgets restarts of long ago: a crash loop is many in a row, not many in a lifetime", async () => {
    const { supervisor, running, pass } = makeRuntime();
    supervisor.keep(spec);
    for (let day = 0; day < crashLoopRestarts + 1; day += 1) {
      running.clear();
      await pass(1000);
      expect(supervisor.restarts(spec.unit)).toBe(1);
      await pass(70_000);
      expect(supervisor.restarts(spec.unit)).toBe(0);
    }
  });

  it("starts no more what was released", async () => {
    const { supervisor, starts, pass } = makeRuntime();
    supervisor.keep(spec);
    await supervisor.release(spec.unit, 0);
    await pass(5000);
    expect(starts).toHaveLength(1);
  });
});
