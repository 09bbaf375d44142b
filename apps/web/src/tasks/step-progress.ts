import type { TaskEvent } from "@valet/contracts";

export type StepMark = "waiting" | "running" | "done" | "failed";

export interface StepProgress {
  mark: StepMark;
  startedAt: string | null;
  endedAt: string | null;
  /** What went wrong, when it failed. */
  message: string | null;
}

/** How far each step of the newest attempt is. Older attempts are told in the events, not here. */
export function stepProgress(stepCount: number, events: readonly TaskEvent[]): StepProgress[] {
  const steps: StepProgress[] = Array.from({ length: stepCount }, () => ({
    mark: "waiting",
    startedAt: null,
    endedAt: null,
    message: null,
  }));
  const newestFence = events.reduce((newest, event) => Math.max(newest, event.fence), 0);
  for (const event of events) {
    if (event.fence !== newestFence) continue;
    const step = steps[stepIndexOf(event) ?? -1];
    if (step === undefined) continue;
    if (event.type === "step_started") Object.assign(step, { mark: "running", startedAt: event.at, endedAt: null });
    if (event.type === "step_done") Object.assign(step, { mark: "done", endedAt: event.at });
    if (event.type === "step_failed") {
      Object.assign(step, { mark: "failed", endedAt: event.at, message: messageOf(event) });
    }
  }
  return steps;
}

/** The step an event is about, from 0; null when it is about the attempt. */
export function stepIndexOf(event: TaskEvent): number | null {
  const index = event.data["stepIndex"] ?? event.data["index"];
  return typeof index === "number" ? index : null;
}

/** What an event says for people; empty when its type says it all. */
export function messageOf(event: TaskEvent): string {
  const { message, error } = event.data;
  if (typeof message === "string") return message;
  if (typeof error === "string") return error;
  if (typeof error === "object" && error !== null && "message" in error && typeof error.message === "string") {
    return error.message;
  }
  return "";
}
