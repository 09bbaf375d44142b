import type { Environment, Result } from "@valet/shared";
import type { Tx } from "../sql.ts";
import type { TaskRow, TaskSpecInput } from "./task-row.ts";
import { notBuilt } from "../not-built.ts";

export interface NewTask {
  tenantId: string;
  environment: Environment;
  spec: TaskSpecInput;
  idempotencyKey?: string;
  /** Hash of the canonical body; needed with a key. */
  bodyHash?: string;
}
export interface IdempotencyConflict {
  kind: "idempotency_conflict";
  taskId: string;
  message: string;
}
/** Queues a task. With a key that was used before: the same task again (`replayed`), or a conflict when the body differs. */
export async function submitTask(
  _tx: Tx,
  _input: NewTask,
): Promise<Result<{ task: TaskRow; replayed: boolean }, IdempotencyConflict>> {
  return notBuilt();
}
