import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { waitFor } from "../../tools/local-stack/wait-for.ts";
import { quickKnobs, startTestStack, type TestStack } from "../harness/test-stack.ts";
import { oldestGenerationPid } from "../harness/victims.ts";

let stack: TestStack;
beforeAll(async () => {
  stack = await startTestStack({ sandboxes: 1, slots: 2 });
  await stack.install("v1");
});
afterAll(() => stack?.close());

interface Attempt {
  taskId: string;
  fence: number;
  leaseId: string;
  bootId: string;
  generation: number;
}
const asks = 1_000;
const atOnce = 25;

describe("first 2: fenced generations", () => {
  it("1,000 acknowledgements and permits from a partitioned old generation: none is accepted for new work, and its own task completes", async () => {
    const ended = await stack.submitRead();
    await stack.untilEnded([ended]);
    const own = await stack.submitApplication(12);
    await waitFor("its task to be under way", async () => {
      const rows = await stack.rows(`SELECT 1 FROM tasks WHERE id = $1 AND steps_done >= 1`, [own.taskId]);
      return rows.length > 0 ? true : undefined;
    });
    const [sandbox] = stack.sandboxes;
    if (!sandbox) throw new Error("there is one sandbox");

    // The link to generation 1 is cut: its GH api is stopped, its GH worker and its task run on alone.
    const cut = await oldestGenerationPid(sandbox, "api");
    process.kill(cut, "SIGSTOP");
    const fresh: string[] = [];
    let accepted: string[];
    try {
      await stack.publish("v2");
      const id = await stack.startDeploy("v2", quickKnobs);
      await waitFor("all new work to run on v2", async () =>
        (await stack.deploy(id)).hosts.every(({ step }) => step === "updated") ? true : undefined,
      );
      for (let n = 0; n < 2; n += 1) fresh.push((await stack.submitApplication(2)).taskId);
      const running = await waitFor("new work on generation 2", async () => {
        const found = await attemptsOf(fresh);
        return found.length > 0 ? found : undefined;
      });
      expect(running.map(({ generation }) => generation)).toEqual(running.map(() => 2));
      accepted = await fire(await askings(own.taskId, ended.taskId, running));
    } finally {
      process.kill(cut, "SIGCONT");
    }
    expect(accepted).toEqual([]);
    // What it was given before stays its own, to the end.
    const states = await stack.untilEnded([own, ...fresh.map((taskId) => ({ taskId, reference: null }))]);
    expect([...states.values()]).toEqual([...states.values()].map(() => "completed"));
    expect(stack.submissions().get(own.reference ?? "")).toBe(1);
    const [first, ...others] = await attemptsOf([own.taskId]);
    expect(others).toEqual([]);
    expect(first?.generation).toBe(1);
    const generations = (await attemptsOf(fresh)).map(({ generation }) => generation);
    expect(generations).toEqual(fresh.map(() => 2));
  });
});

async function attemptsOf(taskIds: readonly string[]): Promise<Attempt[]> {
  return stack.rows<Attempt>(
    `SELECT task_id AS "taskId", fence, lease_id AS "leaseId", worker_boot_id AS "bootId", generation FROM attempts
     WHERE task_id = ANY ($1::uuid[]) ORDER BY reserved_at`,
    [taskIds],
  );
}

/** All that a generation knows which was left behind: its ended attempt, its own one, the ids of new tasks, and guesses. */
async function askings(ownId: string, endedId: string, running: readonly Attempt[]): Promise<Attempt[]> {
  const [own] = await attemptsOf([ownId]);
  const [ended] = await attemptsOf([endedId]);
  if (!own || !ended) throw new Error("the old generation had two attempts");
  const guesses = running.flatMap((fresh): Attempt[] => [
    // Somebody else's task under its own lease, under its ended one, and under one it made up.
    { ...fresh, leaseId: own.leaseId, bootId: own.bootId },
    { ...fresh, leaseId: ended.leaseId, bootId: own.bootId },
    { ...fresh, leaseId: randomUUID(), bootId: own.bootId },
    { ...fresh, fence: fresh.fence + 1, leaseId: own.leaseId, bootId: own.bootId },
  ]);
  const stale: Attempt[] = [ended, { ...ended, fence: ended.fence + 1 }, { ...own, fence: own.fence + 1 }];
  const kinds = [...guesses, ...stale];
  return Array.from({ length: asks }, (_, n) => kinds[n % kinds.length] as Attempt);
}

/** Every second one an acknowledgement, the others permits. Answers what was accepted. */
async function fire(attempts: readonly Attempt[]): Promise<string[]> {
  const [session] = await stack.rows<{ id: string }>(`SELECT id FROM sessions WHERE closed_at IS NULL`);
  const token = stack.sandboxes[0]?.token ?? "";
  const accepted: string[] = [];
  const statuses = new Map<number, number>();
  const queue = attempts.map((attempt, n) => ({ attempt, n }));
  const one = async ({ attempt, n }: { attempt: Attempt; n: number }) => {
    const { taskId, fence, leaseId, bootId } = attempt;
    const ref = { taskId, fence: Number(fence), leaseId };
    const [what, body] =
      n % 2 === 0 ? ["acknowledge", ref] : ["permit", { ...ref, stepIndex: n % 7, workerBootId: bootId }];
    const answer = await fetch(`${stack.apiUrl}/api/v1/sandbox/session/${session?.id}/${String(what)}`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
    const text = await answer.text();
    if (answer.ok) accepted.push(`${String(what)} ${JSON.stringify(attempt)}: ${text}`);
  };
  const lane = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) await one(next);
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  // Refused as stale, each of them: an error of the API would be no proof.
  expect([...statuses]).toEqual([[409, asks]]);
  return accepted;
}
