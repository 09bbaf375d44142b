import type { Result, TaskState } from "@valet/shared";
import type { Tx } from "../sql.ts";
import type { TaskRow } from "./task-row.ts";
import { notBuilt } from "../not-built.ts";

export interface UnknownTask {
  kind: "unknown_task";
  message: string;
}
export interface IllegalTaskMove {
  kind: "illegal_transition";
  from: TaskState;
  to: TaskState;
  message: string;
}
/** `tenantId` given: only that tenant's task is found. A running task is told to stop; a waiting one is cancelled at once. */
export async function requestCancel(
  _tx: Tx,
  _taskId: string,
  _who: { actor: string; tenantId?: string },
): Promise<Result<TaskRow, UnknownTask | IllegalTaskMove>> {
  return notBuilt();
}
/** Queues a copy of an ended task as a new one. */
export async function retryTask(
  _tx: Tx,
  _taskId: string,
  _who: { actor: string; tenantId?: string },
): Promise<Result<TaskRow, UnknownTask | IllegalTaskMove>> {
  return notBuilt();
}
/** Someone looked at a task in `needs_review` and decided. */
export async function reviewTask(
  _tx: Tx,
  _taskId: string,
  _input: { decision: "completed" | "failed" | "restart"; note: string; actor: string; tenantId?: string },
): Promise<Result<TaskRow, UnknownTask | IllegalTaskMove>> {
  return notBuilt();
}
export interface TaskCallback {
  status: "running" | "completed" | "failed" | "cancelled" | "needs_human" | "resumed";
  result?: Record<string, unknown>;
  error?: { code: string; message: string };
  instructions?: string;
}
/** The callback kept for GHOST-HANDS' own clients: moves the newest attempt's task along. */
export async function applyTaskCallback(
  _tx: Tx,
  _taskId: string,
  _callback: TaskCallback,
): Promise<Result<TaskRow, UnknownTask | IllegalTaskMove>> {
  return notBuilt();
}
