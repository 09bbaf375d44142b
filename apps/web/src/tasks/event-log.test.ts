import type { TaskEvent } from "@valet/contracts";
import { expect, it } from "vitest";
import { eventWords } from "./event-log.tsx";

const event = (type: TaskEvent["type"], data: Record<string, unknown> = {}): TaskEvent => ({
  fence: 1,
  seq: 1,
  type,
  at: "2026-03-01T12:00:00Z",
  data,
});

it("says each kind of event in words", () => {
  const said = [
    event("attempt_started"),
    event("step_started", { stepIndex: 0, name: "open the form" }),
    event("step_failed", { stepIndex: 4, error: { code: "step_timeout", message: "no element matched" } }),
    event("screenshot", { stepIndex: 19, name: "review.png" }),
    event("frozen"),
    event("finished", { status: "timed_out" }),
  ].map(eventWords);
  expect(said).toEqual([
    "attempt started",
    "step 1 (open the form) started",
    "step 5 failed: no element matched",
    "step 20 screenshot (review.png)",
    "frozen",
    "finished timed out",
  ]);
});
