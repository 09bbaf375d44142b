import { expect } from "vitest";
import { replayEveryJournal } from "../../apps/worker/src/control/testing/journals.ts";
import { waitFor } from "../../tools/local-stack/wait-for.ts";
import type { SubmittedTask, TestStack } from "./test-stack.ts";

/**
 * What must hold after any trouble: every task ended, each form was submitted at most once and exactly once where the task completed, a task
 * that did not complete is in `needs_review` (never silently gone), one open attempt at most, nothing left over.
 */
export async function expectNothingLostNothingTwice(stack: TestStack, tasks: readonly SubmittedTask[]): Promise<void> {
  const states = await stack.untilEnded(tasks);
  const counts = stack.submissions();
  for (const { taskId, reference } of tasks) {
    const state = states.get(taskId);
    expect(["completed", "needs_review"], `task ${taskId} ended ${state}`).toContain(state);
    if (reference === null) continue;
    const times = counts.get(reference) ?? 0;
    expect(times, `submissions of ${reference}`).toBeLessThanOrEqual(1);
    if (state === "completed") expect(times, `submissions of the completed ${reference}`).toBe(1);
  }
  const doubles = await stack.rows(
    `SELECT task_id FROM attempts WHERE outcome = 'completed' AND task_id = ANY($1::uuid[]) GROUP BY task_id HAVING count(*) > 1`,
    [tasks.map(({ taskId }) => taskId)],
  );
  expect(doubles).toEqual([]);
}

/** Every deploy of this system, decided again from its journal, comes through the same states to the same document. */
export async function expectJournalsReplay(stack: TestStack): Promise<void> {
  expect(await replayEveryJournal(stack.database)).toBeGreaterThan(0);
}

/** No advisory lock, open attempt, busy slot or stray process is left when nothing runs any more. */
export async function expectNothingLeftOver(stack: TestStack): Promise<void> {
  await expectJournalsReplay(stack);
  expect(await stack.rows(`SELECT * FROM attempts WHERE ended_at IS NULL`)).toEqual([]);
  expect(await stack.rows(`SELECT * FROM slots WHERE state IN ('reserved', 'occupied')`)).toEqual([]);
  expect(await stack.rows(`SELECT * FROM deploys WHERE state IN ('in_progress', 'aborting', 'rolling_back')`)).toEqual(
    [],
  );
  expect(
    await stack.rows(
      `SELECT l.pid, l.objid FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE l.locktype = 'advisory' AND a.state <> 'active'
       AND a.query_start < now() - interval '30 seconds' AND a.state = 'idle in transaction'`,
    ),
  ).toEqual([]);
  // What was killed a moment ago may still be ending.
  const none = await waitFor("orphans to end", async () => ((await stack.orphans()).length === 0 ? [] : undefined), {
    deadlineMs: 15_000,
  }).catch(() => stack.orphans());
  expect(none).toEqual([]);
}
