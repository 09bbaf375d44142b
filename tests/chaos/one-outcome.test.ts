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

/** What a task that outlasts the drain deadline comes to, under each action. */
const expected: Record<DrainDeadlineAction, { deploy: string; task: string[] }> = {
  wait: { deploy: "completed", task: ["completed"] },
  pause: { deploy: "paused", task: ["completed"] },
  requeue: { deploy: "completed", task: ["completed", "needs_review"] },
  force: { deploy: "completed", task: ["completed", "needs_review"] },
};

describe("first 3: one outcome a task", () => {
  for (const action of ["wait", "pause", "requeue", "force"] as const) {
    it(`a task that outlasts the drain deadline has one recorded outcome under ${action}`, async () => {
      const tag = `drain-${action}`;
      await stack.publish(tag);
      const task = await stack.submitApplication(9);
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
        drainTimeoutMs: 1_500,
        drainDeadlineAction: action,
      });
      const deploy = await stack.untilDeploy(id, ["completed", "paused", "failed", "rolled_back"]);
      expect(deploy.state, deploy.stateReason).toBe(expected[action].deploy);
      if (deploy.state === "paused") {
        await stack.untilEnded([task]);
        await stack.call("POST", `/api/v1/admin/deploys/${id}/resume`, { reason: "the task has ended" });
        await stack.untilDeploy(id, ["completed"]);
      }
      const states = await stack.untilEnded([task]);
      expect(expected[action].task).toContain(states.get(task.taskId));
      const times = stack.submissions().get(task.reference ?? "") ?? 0;
      expect(times, "the side effect").toBeLessThanOrEqual(1);
      if (states.get(task.taskId) === "completed") expect(times).toBe(1);
      const outcomes = await stack.rows(`SELECT 1 FROM attempts WHERE task_id = $1 AND outcome = 'completed'`, [
        task.taskId,
      ]);
      expect(outcomes.length).toBeLessThanOrEqual(1);
    });
  }
});
