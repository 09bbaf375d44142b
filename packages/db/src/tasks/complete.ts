import { endOf } from "@valet/shared";
import type { Completed, End, EndingAttempt, EndingTask, Finish } from "@valet/shared";
import { notify } from "../notify.ts";
import { lockSandbox } from "../lock-sandbox.ts";
import type { Tx } from "../sql.ts";
import { freeSlots } from "./free-slots.ts";
import { writeEnds } from "./write-ends.ts";

interface Found extends EndingTask {
  taskId: string;
}
interface FoundAttempt extends EndingAttempt {
  taskId: string;
  fence: number;
}

/**
 * Ends attempts of one sandbox and decides, in the same transaction, what becomes of their tasks and slots. Accepted while
 * the fence is the task's newest, late or not (F33).
 */
export async function completeAttempts(tx: Tx, sandboxId: string, finishes: readonly Finish[]): Promise<Completed[]> {
  if (finishes.length === 0) return [];
  const sandbox = await lockSandbox(tx, sandboxId);
  if (!sandbox) throw new Error(`there is no sandbox ${sandboxId}`);
  const tasks = await lockTasks(tx, finishes);
  const attempts = await readAttempts(tx, sandboxId, finishes);
  const ends: End[] = [];
  const completed = finishes.map((finish): Completed => {
    const task = tasks.get(finish.taskId);
    const attempt = attempts.get(`${finish.taskId} ${finish.fence}`);
    const end = task && attempt ? endOf(finish, task, attempt) : undefined;
    if (end) {
      ends.push(end);
      // A second end of the same attempt in this call finds it ended.
      if (attempt) attempt.isOpen = false;
      if (task) task.state = end.decision.to;
    }
    const state = task?.state ?? "failed";
    return { taskId: finish.taskId, fence: finish.fence, taken: end !== undefined, state };
  });
  await writeEnds(tx, sandboxId, ends);
  await freeSlots(tx, sandbox, ends);
  if (ends.some((end) => end.decision.to === "queued")) await notify(tx, "assign", [""]);
  return completed;
}

export async function completeAttempt(tx: Tx, sandboxId: string, finish: Finish): Promise<Completed> {
  const [completed] = await completeAttempts(tx, sandboxId, [finish]);
  if (!completed) throw new Error("completing an attempt gave no answer");
  return completed;
}

async function lockTasks(tx: Tx, finishes: readonly Finish[]): Promise<Map<string, Found>> {
  const { rows } = await tx.query<Found>(
    `SELECT id AS "taskId", state, fence AS "newestFence", restart, max_attempts AS "maxAttempts",
       attempt_count AS "attemptCount", interruptions, cancel_requested AS "cancelRequested"
     FROM tasks WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE`,
    [finishes.map((finish) => finish.taskId)],
  );
  return new Map(rows.map((row) => [row.taskId, row]));
}

/** Read after the tasks are locked: a permit granted just before is seen. */
async function readAttempts(
  tx: Tx,
  sandboxId: string,
  finishes: readonly Finish[],
): Promise<Map<string, FoundAttempt>> {
  const { rows } = await tx.query<FoundAttempt>(
    `SELECT a.task_id AS "taskId", a.fence, a.lease_id AS "leaseId", a.ended_at IS NULL AS "isOpen",
       EXISTS (SELECT 1 FROM permits p WHERE p.task_id = a.task_id AND p.fence = a.fence) AS "hasPermit"
     FROM unnest($1::uuid[], $2::bigint[]) AS f (task_id, fence)
       JOIN attempts a ON a.task_id = f.task_id AND a.fence = f.fence
     WHERE a.sandbox_id = $3`,
    [finishes.map((finish) => finish.taskId), finishes.map((finish) => finish.fence), sandboxId],
  );
  return new Map(rows.map((row) => [`${row.taskId} ${row.fence}`, row]));
}
