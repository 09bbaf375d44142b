import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decideEnd, mostInterruptions } from "./decide-end.ts";
import type { EndInput } from "./decide-end.ts";
import { canMove, taskTransitions } from "../transitions.ts";

const running: EndInput = {
  status: "completed",
  state: "running",
  restart: "review",
  maxAttempts: 3,
  attemptCount: 1,
  interruptions: 0,
  cancelRequested: false,
  hasPermit: false,
};

describe("what becomes of a task when an attempt ends", () => {
  const table: [string, Partial<EndInput>, string | undefined][] = [
    ["a completed attempt completes the task", {}, "completed"],
    ["also when it was to be cancelled: it is done", { cancelRequested: true }, "completed"],
    ["a cancelled one cancels it", { status: "cancelled" }, "cancelled"],
    ["one that took too long times it out", { status: "timed_out" }, "timed_out"],
    ["a failure without a write is tried again", { status: "failed" }, "queued"],
    ["the last attempt's failure is the task's", { status: "failed", attemptCount: 3 }, "failed"],
    ["interruptions do not count as attempts", { status: "failed", attemptCount: 3, interruptions: 1 }, "queued"],
    ["a failure after a permitted write is final", { status: "failed", hasPermit: true }, "failed"],
    ["unless the task says a restart is safe", { status: "failed", hasPermit: true, restart: "safe" }, "queued"],
    ["a failure of a task to be cancelled cancels it", { status: "failed", cancelRequested: true }, "cancelled"],
    ["an interruption without a write starts it again", { status: "interrupted" }, "queued"],
    [
      "F60: an interruption after a permitted write needs a person",
      { status: "interrupted", hasPermit: true },
      "needs_review",
    ],
    ["F60: so does a lost worker", { status: "lost", hasPermit: true }, "needs_review"],
    ["a safe restart needs none", { status: "lost", hasPermit: true, restart: "safe" }, "queued"],
    ["an interruption of a task to be cancelled cancels it", { status: "lost", cancelRequested: true }, "cancelled"],
    [
      "a task that is interrupted for ever fails",
      { status: "interrupted", interruptions: mostInterruptions - 1, attemptCount: mostInterruptions },
      "failed",
    ],
    ["a late result is taken while nobody began again", { state: "queued" }, "completed"],
    ["a late failure is not: it is queued already", { state: "queued", status: "failed" }, undefined],
    ["a late result settles a doubtful task", { state: "needs_review" }, "completed"],
    ["so does a late failure", { state: "needs_review", status: "failed" }, "failed"],
    ["a late interruption says nothing new", { state: "needs_review", status: "interrupted" }, undefined],
  ];
  it.each(table)("%s", (_name, change, to) => {
    expect(decideEnd({ ...running, ...change })?.to).toBe(to);
  });

  it("only makes moves that the transition table has, and never restarts after a write that is not safe", () => {
    const input = fc.record({
      status: fc.constantFrom("completed", "failed", "cancelled", "timed_out", "interrupted", "lost"),
      state: fc.constantFrom("running", "paused", "needs_human", "queued", "needs_review"),
      restart: fc.constantFrom("review", "safe"),
      maxAttempts: fc.integer({ min: 1, max: 10 }),
      attemptCount: fc.integer({ min: 1, max: 20 }),
      interruptions: fc.integer({ min: 0, max: 12 }),
      cancelRequested: fc.boolean(),
      hasPermit: fc.boolean(),
    });
    fc.assert(
      fc.property(input, (one) => {
        const decision = decideEnd(one as EndInput);
        if (!decision) return;
        expect(canMove(taskTransitions, one.state as EndInput["state"], decision.to)).toBe(true);
        if (one.hasPermit && one.restart === "review") expect(decision.to).not.toBe("queued");
      }),
    );
  });
});
