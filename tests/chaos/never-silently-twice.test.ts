import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { expectNothingLeftOver } from "../harness/invariants.ts";
import { seededRandom } from "../harness/seeded-random.ts";
import { startTestStack, type SubmittedTask, type TestStack } from "../harness/test-stack.ts";
import { busyBrowserPid, kill, oldestGenerationPid } from "../harness/victims.ts";
import { waitFor } from "../../tools/local-stack/wait-for.ts";

let stack: TestStack;
beforeAll(async () => {
  stack = await startTestStack({ sandboxes: isFull ? 2 : 1, slots: 2, leaseMs: 60_000 });
  await stack.install("v1");
});
afterAll(() => stack?.close());

const isFull = process.env.VALET_SWEEP === "full";
const points = isFull ? 200 : 6;
/** The form has 24 steps and its one write is the 21st: the sample strikes before it, the sweep also at and after it. */
const furthestStep = isFull ? 25 : 12;
/** Points under way at once; a strike may hit the task of another, which is one more point. */
const lanes = isFull ? 3 : 1;
/** A struck task waits for browsers that are started anew, and beside others that do so too it is slow: slow is not stuck. */
const endDeadlineMs = isFull ? 600_000 : 120_000;

describe("first 12: never silently twice", () => {
  it(`kill -9 at ${points} seeded points: at most one submission a task, and each doubtful one needs review`, async () => {
    const random = seededRandom(12);
    let begun = 0;
    const lane = async () => {
      for (let point = begun++; point < points; point = begun++) await strikeOnce(point, random);
    };
    await Promise.all(Array.from({ length: lanes }, lane));
    await expectNothingLeftOver(stack);
  }, 7_200_000);
});

async function strikeOnce(point: number, random: () => number): Promise<void> {
  const task = await stack.submitApplication(1 + Math.floor(random() * 3));
  const steps = Math.floor(random() * furthestStep);
  const [restMs, victim] = [Math.floor(random() * 120), random() < 0.5 ? "browser" : "GH worker"] as const;
  await untilStep(task, steps);
  await new Promise((resolve) => setTimeout(resolve, restMs));
  await strike(task, victim);
  await expectOneOutcome(task, `point ${point}, after step ${steps}`);
  if (lanes === 1) await untilSlotsAreBack();
}

const untilSlotsAreBack = () =>
  waitFor(
    "the slots to be back",
    async () => ((await stack.rows(`SELECT 1 FROM slots WHERE state <> 'accepting'`)).length === 0 ? true : undefined),
    { deadlineMs: 60_000 },
  );

/** Waits until so many steps are done, or the task has ended before: by itself, or by a strike at another on the same host. */
async function untilStep(task: SubmittedTask, steps: number): Promise<void> {
  await waitFor(
    `step ${steps}`,
    async () => {
      const [row] = await stack.rows<{ state: string; steps_done: number }>(
        `SELECT state, steps_done FROM tasks WHERE id = $1`,
        [task.taskId],
      );
      return row &&
        (row.steps_done >= steps || ["completed", "failed", "needs_review"].includes(row.state)) &&
        row.state !== "queued"
        ? true
        : undefined;
    },
    { everyMs: 10, deadlineMs: 120_000 },
  );
}

async function strike(task: SubmittedTask, victim: "browser" | "GH worker"): Promise<void> {
  const [row] = await stack.rows<{ name: string }>(
    `SELECT s.name FROM attempts a JOIN sandboxes s ON s.id = a.sandbox_id WHERE a.task_id = $1 ORDER BY a.fence DESC LIMIT 1`,
    [task.taskId],
  );
  const sandbox = stack.sandboxes.find(({ name }) => name === row?.name);
  if (!sandbox) throw new Error(`task ${task.taskId} is on no sandbox`);
  try {
    kill(victim === "browser" ? busyBrowserPid(sandbox) : await oldestGenerationPid(sandbox, "worker"));
  } catch (error) {
    // The task ended before the strike, or what it would hit is just being started anew: a point like any other.
    if (!(error instanceof Error && /in use|no living|ESRCH/.test(error.message))) throw error;
  }
}

async function expectOneOutcome(task: SubmittedTask, where: string): Promise<void> {
  const states = await stack.untilEnded([task], endDeadlineMs);
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
