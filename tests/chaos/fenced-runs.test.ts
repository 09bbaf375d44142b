import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestStack, type TestStack } from "../harness/test-stack.ts";
import { oldestGenerationPid, pidOf } from "../harness/victims.ts";
import { waitFor } from "../../tools/local-stack/wait-for.ts";

/** Lease 15 s: frozen after 11.25 s without an acknowledged heartbeat, taken over after 15 s. */
const leaseMs = 15_000;
let stack: TestStack;
beforeAll(async () => {
  stack = await startTestStack({ sandboxes: 2, slots: 1, leaseMs });
  await stack.install("v1");
});
afterAll(() => stack?.close());

type Stopped = "sandbox worker" | "GH worker" | "both";

describe("first 11: fenced runs", () => {
  for (const stopped of ["sandbox worker", "GH worker", "both"] satisfies Stopped[]) {
    it(`with the ${stopped} stopped past the deadline, the old run does nothing more and one outcome is recorded`, async () => {
      const task = await stack.submitApplication(14, { restart: "safe" });
      const sandbox = await waitFor("the task to run", async () => {
        const [row] = await stack.rows<{ sandbox_id: string }>(
          `SELECT sandbox_id FROM tasks WHERE id = $1 AND state = 'running' AND steps_done >= 1`,
          [task.taskId],
        );
        return stack.sandboxes.find(({ sandboxId }) => sandboxId === row?.sandbox_id);
      });
      const pids = [
        ...(stopped === "GH worker" ? [] : [pidOf(stack, sandbox.workerProcess)]),
        ...(stopped === "sandbox worker" ? [] : [await oldestGenerationPid(sandbox, "worker")]),
      ];
      for (const pid of pids) process.kill(pid, "SIGSTOP");
      try {
        await waitFor(
          "the takeover",
          async () => {
            const [row] = await stack.rows<{ n: string }>(
              `SELECT count(*) AS n FROM attempts WHERE task_id = $1 AND outcome = 'lost'`,
              [task.taskId],
            );
            return Number(row?.n) > 0 ? true : undefined;
          },
          { deadlineMs: leaseMs * 4 },
        );
      } finally {
        for (const pid of pids) process.kill(pid, "SIGCONT");
      }
      const states = await stack.untilEnded([task]);
      expect(states.get(task.taskId)).toBe("completed");
      // The old run stood before its submit when it was stopped: only the new one submitted.
      expect(stack.submissions().get(task.reference ?? "")).toBe(1);
      const outcomes = await stack.rows<{ outcome: string }>(
        `SELECT outcome FROM attempts WHERE task_id = $1 ORDER BY fence`,
        [task.taskId],
      );
      expect(outcomes.map(({ outcome }) => outcome)).toEqual(["lost", "completed"]);
      const stale = await stack.rows(
        `SELECT * FROM permits p JOIN attempts a USING (task_id, fence) WHERE a.task_id = $1 AND a.outcome = 'lost' AND p.granted_at > a.ended_at`,
        [task.taskId],
      );
      expect(stale).toEqual([]);
    });
  }
});
