import type { TaskEvent } from "@valet/contracts";
import { describe, expect, it } from "vitest";
import { stepProgress } from "./step-progress.ts";

let seq = 0;
const event = (fence: number, type: TaskEvent["type"], data: Record<string, unknown>): TaskEvent => ({
  fence,
  seq: (seq += 1),
  type,
  at: `2026-03-01T12:00:${String(seq).padStart(2, "0")}Z`,
  data,
});

describe("stepProgress", () => {
  it("tells of the newest attempt only: what an earlier one did is undone by starting again", () => {
    const events = [
      event(1, "step_started", { stepIndex: 0 }),
      event(1, "step_done", { stepIndex: 0 }),
      event(1, "step_started", { stepIndex: 1 }),
      event(2, "step_started", { stepIndex: 0 }),
    ];
    expect(stepProgress(2, events).map(({ mark }) => mark)).toEqual(["running", "waiting"]);
  });

  it("shows why a step failed", () => {
    const events = [
      event(1, "step_started", { stepIndex: 0 }),
      event(1, "step_failed", { stepIndex: 0, error: { code: "step_timeout", message: "no element matched" } }),
    ];
    expect(stepProgress(1, events)[0]).toMatchObject({ mark: "failed", message: "no element matched" });
  });

  it("does not fail over an event of a step that is not there", () => {
    expect(stepProgress(1, [event(1, "step_done", { stepIndex: 9 }), event(1, "finished", {})])).toHaveLength(1);
  });
});
