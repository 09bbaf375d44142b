import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { expectNothingLeftOver } from "../harness/invariants.ts";
import { seededRandom } from "../harness/seeded-random.ts";
import { startTestStack, type SubmittedTask, type TestStack } from "../harness/test-stack.ts";
import { busyBrowserPid, kill, oldestGenerationPid } from "../harness/victims.ts";
import { waitFor } from "../../tools/local-stack/wait-for.ts";

let stack: TestStack;
beforeAll(async () => {
  stack = await startTestStack({ sandboxes: 1, slots: 2, leaseMs: 60_000 });
  await stack.install("v1");
});
afterAll(() => stack?.close());

const isFull = process.env.VALET_SWEEP === "full";
const points = isFull ? 200 : 6;
/** The form has 24 steps and its one write is the 21st: the sample strikes before it, the sweep also at and after it. */
const furthestStep = isFull ? 25 : 12;

describe("first 12: never silently twice", () => {
  it(`kill -9 at ${points} seeded points: at most one submission a task, and each doubtful one needs review`, async () => {
    const random = seededRandom(12);
    for (let point = 0; point < points; point++) {
      const task = await stack.submitApplication(1 + Math.floor(random() * 3));
      const steps = Math.floor(random() * furthestStep);
      await untilStep(task, steps);
      await new Promise((resolve) => setTimeout(resolve, Math.floor(random() * 120)));
      strike(random() < 0.5 ? "browser" : "GH worker");
      await expectOneOutcome(task, `point ${point}, after step ${steps}`);
      await waitFor(
        "the slots to be back",
        async () =>
          (await stack.rows(`SELECT 1 FROM slots WHERE state <> 'accepting'`)).length === 0 ? true : undefined,
        { deadlineMs: 60_000 },
      );
    }
    await expectNothingLeftOver(stack);
  }, 3_600_000);
});

/** Waits until so many steps are done, or the task has ended before. */
async function untilStep(task: SubmittedTask, steps: number): Promise<void> {
  await waitFor(
    `step ${steps}`,
    async () => {
      const [row] = await stack.rows<{ state: string; steps_done: number }>(
        `SELECT state, steps_done FROM tasks WHERE id = $1`,
        [task.taskId],
      );
      return row && (row.steps_done >= steps || ["completed", "failed"].includes(row.state)) && row.state !== "queued"
        ? true
        : undefined;
    },
    { everyMs: 10 },
  );
}

function strike(victim: "browser" | "GH worker"): void {
  const sandbox = stack.sandboxes[0];
  if (!sandbox) throw new Error("the stack has no sandbox");
  if (victim === "GH worker") {
    void oldestGenerationPid(sandbox, "worker").then(kill);
    return;
  }
  try {
    kill(busyBrowserPid(sandbox));
  } catch (error) {
    // The task ended before the strike: that point hits nothing, which is a point like any other.
    if (!(error instanceof Error && error.message.includes("in use"))) throw error;
  }
}

async function expectOneOutcome(task: SubmittedTask, where: string): Promise<void> {
  const states = await stack.untilEnded([task]);
  const state = states.get(task.taskId);
  const times = stack.submissions().get(task.reference ?? "") ?? 0;
  expect(times, where).toBeLessThanOrEqual(1);
  expect(["completed", "needs_review"], where).toContain(state);
  if (state === "completed") expect(times, where).toBe(1);
  const [permits] = await stack.rows<{ attempts: string; permits: string }>(
    `SELECT count(DISTINCT a.fence) AS attempts, count(p.id) AS permits
     FROM attempts a LEFT JOIN permits p USING (task_id, fence) WHERE a.task_id = $1 AND a.outcome IN ('interrupted', 'lost')`,
    [task.taskId],
  );
  // An interrupted attempt that had been allowed a write is never started again by itself.
  if (Number(permits?.permits) > 0) expect(state, where).toBe("needs_review");
}
