import { err, ok, refusePermit } from "@valet/shared";
import type { LeaseTimes, PermitFacts, PermitRefused, PermitRequest, Result } from "@valet/shared";
import type { Tx } from "../sql.ts";

export interface PermitAsk extends PermitRequest {
  sandboxId: string;
  times: LeaseTimes;
}
/**
 * Leave for one write step. Needs the newest fence, a live lease, and the boot of the GH worker that was granted the earlier
 * ones. The same boot may ask again for a step it has not done; a step whose outcome is known gets no second permit (F60).
 */
export async function grantPermit(
  tx: Tx,
  ask: PermitAsk,
): Promise<Result<{ permitId: string; usableForMs: number }, PermitRefused>> {
  const refusal = refusePermit(await readAttempt(tx, ask), ask);
  if (refusal) return err(refusal);
  const { rows } = await tx.query<{ permitId: string }>(
    `WITH confirmed AS (
       UPDATE attempts SET worker_boot_id = $4
       WHERE task_id = $1 AND fence = $2 AND worker_boot_id IS DISTINCT FROM $4)
     INSERT INTO permits (task_id, fence, step_index, worker_boot_id, usable_until)
     VALUES ($1, $2, $3, $4, now() + $5 * interval '1 millisecond')
     ON CONFLICT (task_id, fence, step_index) DO UPDATE SET usable_until = EXCLUDED.usable_until
     RETURNING id AS "permitId"`,
    [ask.ref.taskId, ask.ref.fence, ask.stepIndex, ask.workerBootId, ask.times.permitMs],
  );
  if (!rows[0]) throw new Error("granting a permit returned no row");
  return ok({ permitId: rows[0].permitId, usableForMs: ask.times.permitMs });
}

/** Locks the task against a take-over: either that sees this permit, or this sees that. */
async function readAttempt(tx: Tx, ask: PermitAsk): Promise<PermitFacts | undefined> {
  const { rows: tasks } = await tx.query<Pick<PermitFacts, "newestFence" | "isRunning" | "cancelRequested">>(
    `SELECT fence AS "newestFence", state IN ('running', 'paused', 'needs_human') AS "isRunning",
       cancel_requested AS "cancelRequested" FROM tasks WHERE id = $1 FOR SHARE`,
    [ask.ref.taskId],
  );
  const { rows: attempts } = await tx.query<Omit<PermitFacts, "newestFence" | "isRunning" | "cancelRequested">>(
    `SELECT a.lease_id AS "leaseId", a.ended_at IS NULL AND a.lease_expires_at > clock_timestamp() AS "isLive",
       ARRAY(SELECT DISTINCT p.worker_boot_id FROM permits p WHERE p.task_id = a.task_id AND p.fence = a.fence) AS boots,
       EXISTS (SELECT 1 FROM permits p WHERE p.task_id = a.task_id AND p.fence = a.fence AND p.step_index = $4
         AND p.outcome IS NOT NULL) AS "isUsedUp"
     FROM attempts a WHERE a.task_id = $1 AND a.fence = $2 AND a.sandbox_id = $3 AND a.acknowledged_at IS NOT NULL`,
    [ask.ref.taskId, ask.ref.fence, ask.sandboxId, ask.stepIndex],
  );
  return tasks[0] && attempts[0] && { ...tasks[0], ...attempts[0] };
}
