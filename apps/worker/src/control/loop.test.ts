import { systemClock } from "@valet/shared";
import { describe, expect, it } from "vitest";
import { makeBell } from "../bell.ts";
import type { LogFields } from "../log.ts";
import { type ControlLoop, runLoop } from "./loop.ts";

function world(loop: Partial<ControlLoop> & Pick<ControlLoop, "round">) {
  const lines: LogFields[] = [];
  const add = (fields: LogFields) => void lines.push(fields);
  const stop = new AbortController();
  const log = { debug: add, info: add, warn: add, error: add };
  const runtime = { clock: systemClock, log, signal: stop.signal, random: () => 0, roundDeadlineMs: 200 };
  const done = runLoop(runtime, { name: "test", everyMs: 60_000, ...loop });
  return { lines, stop, done };
}

describe("runLoop", () => {
  it("logs the first failure of a row once, goes on, and says when it works again", async () => {
    let rounds = 0;
    const { lines, stop, done } = world({
      round: async () => {
        rounds += 1;
        if (rounds < 4) throw new Error("postgres is away");
        stop.abort();
        return "idle";
      },
    });
    await done;
    expect(lines).toEqual([
      { event: "loop_failed", loop: "test", reason: "postgres is away" },
      { event: "loop_recovered", loop: "test", afterFailures: 3 },
    ]);
  });

  it("gives up a round that hangs", async () => {
    let rounds = 0;
    const { lines, stop, done } = world({
      round: () => {
        rounds += 1;
        if (rounds > 1) stop.abort();
        return rounds === 1 ? new Promise(() => undefined) : Promise.resolve("idle");
      },
    });
    await done;
    expect(lines[0]).toMatchObject({ event: "loop_failed", reason: "a round took longer than 200 ms" });
  });

  it("starts a round at once when the bell rings, and keeps a ring that came during a round", async () => {
    const bell = makeBell(systemClock);
    let rounds = 0;
    const { stop, done } = world({
      bell,
      round: async () => {
        rounds += 1;
        if (rounds === 1) setTimeout(() => bell.ring(), 5);
        if (rounds === 2) bell.ring();
        if (rounds === 3) stop.abort();
        return "idle";
      },
    });
    await done;
    expect(rounds).toBe(3);
  });
});
