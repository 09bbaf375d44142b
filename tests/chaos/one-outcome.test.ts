import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DrainDeadlineAction } from "@valet/shared";
import { quickKnobs, startTestStack, type TestStack } from "../harness/test-stack.ts";
import { waitFor } from "../../tools/local-stack/wait-for.ts";

let stack: TestStack;
beforeAll(async () => {
  stack = await startTestStack({ sandboxes: 1, slots: 2, leaseMs: 60_000 });
  await stack.install("v0");
});
afterAll(() => stack?.close());

/** How long the task works; its one write comes last, so that within this time it may begin anew. */
const taskSeconds = 15;
const drainTimeoutMs = 1_500;

/** What becomes of the deploy at the deadline, and of each attempt of the task. */
const expected: Record<DrainDeadlineAction, { deploy: string; attempts: string }> = {
  wait: { deploy: "completed", attempts: "completed" },
  pause: { deploy: "paused", attempts: "completed" },
  requeue: { deploy: "completed", attempts: "ended, completed" },
  force: { deploy: "completed", attempts: "ended, completed" },
};

describe("first 3: one outcome a task", () => {
  for (const action of ["wait", "pause", "requeue", "force"] as const) {
    it(`a task that outlasts the drain deadline has one recorded outcome under ${action}`, async () => {
      const tag = `drain-${action}`;
      await stack.publish(tag);
      const task = await stack.submitApplication(taskSeconds);
      await waitFor("the task to be on its way", async () => {
        const rows = await stack.rows(`SELECT 1 FROM tasks WHERE id = $1 AND state = 'running' AND steps_done >= 1`, [
          task.taskId,
        ]);
        return rows.length > 0 ? true : undefined;
      });
      const id = await stack.startDeploy(tag, {
        ...quickKnobs,
        order: "stop-first",
        maxUnavailable: 1,
        drainTimeoutMs,
        drainDeadlineAction: action,
      });
      const deploy = await stack.untilDeploy(id, ["completed", "paused", "failed", "rolled_back"]);
      expect(deploy.state, deploy.stateReason).toBe(expected[action].deploy);
      const states = await stack.untilEnded([task]);
      if (deploy.state === "paused") await resumeUntilCompleted(id);
      expect(states.get(task.taskId)).toBe("completed");
      expect(stack.submissions().get(task.reference ?? ""), "the side effect").toBe(1);
      const outcomes = await stack.rows<{ outcome: string }>(
        `SELECT outcome FROM attempts WHERE task_id = $1 ORDER BY fence`,
        [task.taskId],
      );
      // Its worker said so, or was proven dead: either way the attempt ended before its time, and costs the task none.
      const said = outcomes.map(({ outcome }) => (["interrupted", "lost"].includes(outcome) ? "ended" : outcome));
      expect(said.join(", ")).toBe(expected[action].attempts);
      const ends = await stack.rows(
        `SELECT 1 FROM task_events WHERE task_id = $1 AND type = 'finished' AND data->>'status' <> 'interrupted'`,
        [task.taskId],
      );
      expect(ends.length, "ends that were told").toBe(1);
    });
  }
});

/** The drain's time starts anew with each resume; a host that is slow to say that it is idle pauses the deploy once more. */
async function resumeUntilCompleted(id: string): Promise<void> {
  const pausesOf = async (): Promise<number> => {
    const [row] = await stack.rows<{ n: string }>(
      `SELECT count(*) AS n FROM deploy_decisions WHERE deploy_id = $1 AND data->>'to' = 'paused'`,
      [id],
    );
    return Number(row?.n);
  };
  for (let tries = 0; tries < 20; tries += 1) {
    const before = await pausesOf();
    expect(before, "pauses that the deploy has told").toBeGreaterThan(tries);
    await stack.call("POST", `/api/v1/admin/deploys/${id}/resume`, { reason: "the task has ended" });
    const isCompleted = await waitFor("the deploy to complete or to pause again", async () => {
      const { state } = await stack.deploy(id);
      if (state === "completed") return { is: true };
      return state === "paused" && (await pausesOf()) > before ? { is: false } : undefined;
    });
    if (isCompleted.is) return;
  }
  throw new Error(`deploy ${id} paused again each time`);
}
