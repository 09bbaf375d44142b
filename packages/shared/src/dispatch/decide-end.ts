import { assertNever } from "../assert-never.ts";
import type { AttemptOutcome, TaskState } from "../states.ts";
import { isTerminal, taskTransitions } from "../transitions.ts";

export interface TaskError {
  code: string;
  message: string;
  stepIndex?: number;
}

/** How an attempt ended, as its GH worker (or a proof of its death) says. */
export type EndStatus = Exclude<AttemptOutcome, "unacknowledged">;

export interface EndInput {
  status: EndStatus;
  /** State the task is in now; not a leased one when the end arrives late. */
  state: TaskState;
  restart: "review" | "safe";
  maxAttempts: number;
  /** Acknowledged attempts so far, this one included. */
  attemptCount: number;
  /** How many of them ended by no fault of the task. */
  interruptions: number;
  cancelRequested: boolean;
  /** A write step may have happened: this attempt was granted a permit. */
  hasPermit: boolean;
  error?: TaskError | undefined;
}
export interface EndDecision {
  to: TaskState;
  reason: string;
  /** This attempt is not counted against maxAttempts. */
  isFree: boolean;
  error: TaskError | null;
}

/** After so many interruptions the task itself is the likely cause. */
export const mostInterruptions = 10;

/**
 * What becomes of a task when an attempt of it ends. Undefined: nothing, the end comes too late to matter.
 * Restarted only when no write step can have happened, or the task says that this is safe (F60).
 */
export function decideEnd(input: EndInput): EndDecision | undefined {
  // The same end once more: the relay repeats what was not acknowledged.
  if (isTerminal(taskTransitions, input.state)) return undefined;
  if (input.state === "queued" || input.state === "needs_review") return decideLate(input);
  switch (input.status) {
    case "completed":
      return end("completed", "", null);
    case "cancelled":
      return end("cancelled", input.cancelRequested ? "cancelled on request" : "cancelled by its worker", null);
    case "timed_out":
      return end(
        "timed_out",
        "took longer than its timeoutMs",
        errorOf(input, "timed_out", "took longer than its timeoutMs"),
      );
    case "failed":
      return decideFailed(input);
    case "interrupted":
    case "lost":
      return decideInterrupted(input);
    default:
      return assertNever(input.status);
  }
}

/** The attempt had been given up, and nobody has begun again: a result is still worth having. */
function decideLate(input: EndInput): EndDecision | undefined {
  if (input.status === "completed") return end("completed", "its result arrived late", null);
  if (input.state === "needs_review" && input.status === "failed") {
    return end("failed", "its failure was reported late", errorOf(input, "failed", "the attempt failed"));
  }
  return undefined;
}

function decideFailed(input: EndInput): EndDecision {
  const error = errorOf(input, "failed", "the attempt failed");
  if (input.cancelRequested) return end("cancelled", "cancelled on request", error);
  const used = input.attemptCount - input.interruptions;
  if (used < input.maxAttempts && mayRestart(input)) {
    return end("queued", `attempt ${used} of ${input.maxAttempts} failed: ${error.message}`, null);
  }
  return end("failed", error.message, error);
}

function decideInterrupted(input: EndInput): EndDecision {
  const what = input.status === "lost" ? "its worker was lost" : "its browser or worker died";
  if (input.cancelRequested) return end("cancelled", `cancelled on request; ${what}`, null, true);
  if (!mayRestart(input)) {
    const message = `${what} after a write step was permitted: it may or may not have happened`;
    return end("needs_review", message, { code: "interrupted", message }, true);
  }
  if (input.interruptions + 1 >= mostInterruptions) {
    const message = `interrupted ${mostInterruptions} times: ${what}`;
    return end("failed", message, { code: "interrupted_too_often", message }, true);
  }
  return end("queued", `starts again: ${what}`, null, true);
}

function mayRestart(input: EndInput): boolean {
  return !input.hasPermit || input.restart === "safe";
}

function end(to: TaskState, reason: string, error: TaskError | null, isFree = false): EndDecision {
  return { to, reason, isFree, error };
}

function errorOf(input: EndInput, code: string, message: string): TaskError {
  return input.error ?? { code, message };
}
