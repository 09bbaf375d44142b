import type { AttemptOutcome, TaskState } from "@valet/shared";
import type { JsonObject, Tx } from "../sql.ts";
import type { AttemptKey } from "../heartbeat.ts";
import type { TaskError } from "./task-row.ts";
import { notBuilt } from "../not-built.ts";

export interface Finish extends AttemptKey {
  /** `interrupted`: browser or GH worker died. `lost`: lease expired or death proven. */
  status: Exclude<AttemptOutcome, "unacknowledged">;
  result?: JsonObject;
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
/** Ends attempts and decides what becomes of their tasks and slots. */
export async function completeAttempts(
  _tx: Tx,
  _sandboxId: string,
  _finishes: readonly Finish[],
): Promise<Completed[]> {
  return notBuilt();
}
export async function completeAttempt(_tx: Tx, _sandboxId: string, _finish: Finish): Promise<Completed> {
  return notBuilt();
}
