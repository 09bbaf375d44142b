import type { TaskState } from "../states.ts";
import { decideEnd } from "./decide-end.ts";
import type { EndDecision, EndStatus, TaskError } from "./decide-end.ts";
import type { AttemptKey } from "./heartbeat-input.ts";

export interface Finish extends AttemptKey {
  /** `interrupted`: browser or GH worker died. `lost`: lease expired or death proven. */
  status: EndStatus;
  result?: Record<string, unknown>;
  error?: TaskError;
  reason?: string;
}
export interface Completed {
  taskId: string;
  fence: number;
  /** False: its fence is no longer the newest, or the task had ended otherwise. */
  taken: boolean;
  state: TaskState;
}
/** A task as it is when an attempt of it ends. */
export interface EndingTask {
  state: TaskState;
  newestFence: number;
  restart: "review" | "safe";
  maxAttempts: number;
  attemptCount: number;
  interruptions: number;
  cancelRequested: boolean;
}
export interface EndingAttempt {
  leaseId: string;
  isOpen: boolean;
  hasPermit: boolean;
}
/** One end that is taken: what to write. */
export interface End {
  finish: Finish;
  decision: EndDecision;
  /** The attempt had not ended before. */
  isOpen: boolean;
}

/** Accepted while the fence is the task's newest, late or not (F33). Undefined: not taken. */
export function endOf(finish: Finish, task: EndingTask, attempt: EndingAttempt): End | undefined {
  if (task.newestFence !== finish.fence || attempt.leaseId !== finish.leaseId) return undefined;
  // Nothing starts before it is acknowledged, so an assigned task cannot end here.
  const isRunning = ["running", "paused", "needs_human"].includes(task.state);
  if (isRunning !== attempt.isOpen) return undefined;
  const decision = decideEnd({ ...task, status: finish.status, hasPermit: attempt.hasPermit, error: finish.error });
  return decision && { finish, decision, isOpen: attempt.isOpen };
}
