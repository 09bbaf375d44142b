import { err, ok, sourcesOf, taskTransitions } from "@valet/shared";
import type { IllegalTaskMove, Result, TaskError, TaskState, UnknownTask } from "@valet/shared";
import { announceTasks } from "../announce.ts";
import { lockSandbox } from "../lock-sandbox.ts";
import { notify } from "../notify.ts";
import type { JsonObject, Tx } from "../sql.ts";
import { getTask } from "./read.ts";
import { submitTask } from "./submit.ts";
import type { TaskRow, TaskSpecInput } from "./task-row.ts";

export interface Requester {
  actor: string;
  /** Given: only that tenant's task is found. */
  tenantId?: string;
}
export type TaskRequestResult = Result<TaskRow, UnknownTask | IllegalTaskMove>;

/** A waiting task is cancelled at once, a reserved one too since nothing has started; a running one is told to stop. */
export async function requestCancel(tx: Tx, taskId: string, who: Requester): Promise<TaskRequestResult> {
  const task = await lockTask(tx, taskId, who.tenantId);
  if (!task) return unknown(taskId);
  const reason = `cancelled by ${who.actor}`;
  if (["running", "paused", "needs_human"].includes(task.state)) {
    await tx.query("UPDATE tasks SET cancel_requested = true WHERE id = $1", [taskId]);
    if (task.sandboxId) await notify(tx, "sandbox", [task.sandboxId]);
    return again(tx, taskId);
  }
  if (task.state === "cancelled") return ok(task);
  if (!sourcesOf(taskTransitions, "cancelled").includes(task.state)) return illegal(task.state, "cancelled");
  if (task.state === "assigned" && task.sandboxId) await undoReservation(tx, task, task.sandboxId, reason);
  await settle(tx, taskId, { to: "cancelled", reason });
  return again(tx, taskId);
}

/** Queues the same work as a new task. The old one stays as it is, and nobody hears a second end of it (F34). */
export async function retryTask(tx: Tx, taskId: string, who: Requester): Promise<TaskRequestResult> {
  const task = await lockTask(tx, taskId, who.tenantId);
  if (!task) return unknown(taskId);
  if (!["failed", "cancelled", "timed_out", "expired"].includes(task.state)) return illegal(task.state, "queued");
  const spec = task.spec as unknown as TaskSpecInput;
  const submitted = await submitTask(tx, { tenantId: task.tenantId, environment: task.environment, spec });
  if (!submitted.ok) throw new Error(submitted.error.message);
  return ok(submitted.value.task);
}

/** Someone looked at a task in `needs_review` and decided; `restart` queues it again, and it may do its writes again. */
export async function reviewTask(
  tx: Tx,
  taskId: string,
  input: Requester & { decision: "completed" | "failed" | "restart"; note: string },
): Promise<TaskRequestResult> {
  const task = await lockTask(tx, taskId, input.tenantId);
  if (!task) return unknown(taskId);
  const to = input.decision === "restart" ? "queued" : input.decision;
  if (task.state !== "needs_review") return illegal(task.state, to);
  const reason = `reviewed by ${input.actor}${input.note ? `: ${input.note}` : ""}`;
  await settle(tx, taskId, { to, reason });
  return again(tx, taskId);
}

export interface TaskCallback {
  status: "running" | "completed" | "failed" | "cancelled" | "needs_human" | "resumed";
  result?: JsonObject;
  error?: TaskError;
  /** What a person is to do, with `needs_human`. */
  instructions?: string;
}

/**
 * The callback kept for GHOST-HANDS' own clients. It reports about a task that runs: handing to a person and back is
 * followed; an end is taken only from the journal, which is fenced, so here it only confirms what is known.
 */
export async function applyTaskCallback(tx: Tx, taskId: string, callback: TaskCallback): Promise<TaskRequestResult> {
  const task = await lockTask(tx, taskId);
  if (!task) return unknown(taskId);
  const to = callback.status === "needs_human" ? "needs_human" : "running";
  const isHanding = callback.status === "needs_human" || callback.status === "resumed";
  if (!isHanding || task.state === to || !sourcesOf(taskTransitions, to).includes(task.state)) return ok(task);
  if (task.state === "assigned") return ok(task);
  await tx.query("UPDATE tasks SET state = $2, state_reason = $3 WHERE id = $1", [
    taskId,
    to,
    callback.instructions ?? "",
  ]);
  await announceTasks(tx, [taskId]);
  await tellHandOff(tx, task, callback);
  return again(tx, taskId);
}

async function tellHandOff(tx: Tx, task: TaskRow, callback: TaskCallback): Promise<void> {
  const type = callback.status === "needs_human" ? "task_needs_human" : "task_resumed";
  const payload = type === "task_resumed" ? {} : { instructions: callback.instructions ?? "" };
  await tx.query(
    `WITH stored AS (INSERT INTO live_events (type, audience, payload) VALUES ($1, $2, $3) RETURNING id)
     SELECT pg_notify('valet_live', id::text) FROM stored`,
    [type, task.tenantId, JSON.stringify({ taskId: task.id, ...payload })],
  );
}

/** Locks in order: the sandbox first when the task is on one. Looks again, since it may have moved meanwhile. */
async function lockTask(tx: Tx, taskId: string, tenantId?: string): Promise<TaskRow | undefined> {
  for (let tries = 0; tries < 5; tries += 1) {
    const before = await getTask(tx, taskId, tenantId);
    if (!before) return undefined;
    if (before.sandboxId) await lockSandbox(tx, before.sandboxId);
    await tx.query("SELECT 1 FROM tasks WHERE id = $1 FOR NO KEY UPDATE", [taskId]);
    const task = await getTask(tx, taskId, tenantId);
    if (!task?.sandboxId || task.sandboxId === before.sandboxId) return task;
  }
  throw new Error(`task ${taskId} keeps moving between sandboxes: try again`);
}

async function undoReservation(tx: Tx, task: TaskRow, sandboxId: string, reason: string): Promise<void> {
  await tx.query(
    `WITH ended AS (
       UPDATE attempts SET ended_at = now(), outcome = 'cancelled', reason = $4
       WHERE task_id = $1 AND fence = $2 AND ended_at IS NULL)
     UPDATE slots SET state = 'accepting', task_id = NULL, fence = NULL, updated_at = now()
     WHERE sandbox_id = $3 AND task_id = $1 AND fence = $2 AND state = 'reserved'`,
    [task.id, task.fence, sandboxId, reason],
  );
  await notify(tx, "sandbox", [sandboxId]);
  await notify(tx, "assign", [""]);
}

/** Moves a task nobody runs; the caller holds its lock and checked the move. */
async function settle(tx: Tx, taskId: string, move: { to: TaskState; reason: string }): Promise<void> {
  await tx.query(
    `UPDATE tasks SET state = $2, state_reason = $3,
       error = CASE WHEN $2 = 'completed' OR $2 = 'queued' THEN NULL ELSE error END,
       steps_done = CASE WHEN $2 = 'queued' THEN 0 ELSE steps_done END,
       sandbox_id = CASE WHEN $2 = 'queued' THEN NULL ELSE sandbox_id END,
       queue_key = CASE WHEN $2 = 'queued' THEN enqueued_at - priority * interval '1 second' END,
       queue_expires_at = CASE WHEN $2 = 'queued' THEN now() + queue_timeout_ms * interval '1 millisecond' ELSE queue_expires_at END,
       ended_at = CASE WHEN $2 = 'queued' THEN NULL ELSE now() END
     WHERE id = $1`,
    [taskId, move.to, move.reason],
  );
  await announceTasks(tx, [taskId]);
  if (move.to === "queued") await notify(tx, "assign", [""]);
}

async function again(tx: Tx, taskId: string): Promise<TaskRequestResult> {
  const task = await getTask(tx, taskId);
  return task ? ok(task) : unknown(taskId);
}

function unknown(taskId: string): { readonly ok: false; readonly error: UnknownTask } {
  return err({ kind: "unknown_task", message: `there is no task ${taskId}` });
}

function illegal(from: TaskState, to: TaskState): { readonly ok: false; readonly error: IllegalTaskMove } {
  return err({ kind: "illegal_transition", from, to, message: `a task cannot go from ${from} to ${to}` });
}
