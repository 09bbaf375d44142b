import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { expectNothingLostNothingTwice } from "../harness/invariants.ts";
import { quickKnobs, startTestStack, type SubmittedTask, type TestStack } from "../harness/test-stack.ts";
import { generationsOf } from "../harness/victims.ts";
import { waitFor } from "../../tools/local-stack/wait-for.ts";

let stack: TestStack;
beforeAll(async () => {
  stack = await startTestStack({ sandboxes: 3, slots: 2 });
  await stack.install("v1");
});
afterAll(() => stack?.close());

interface Sample {
  usable: number;
  busy: number;
}

describe("first 1: slot hand-over", () => {
  it("3 hosts of 2 slots keep 6 usable slots through a rollout, and no task is ended for it", async () => {
    const tasks: SubmittedTask[] = [];
    for (const seconds of [25, 20, 15, 10, 6, 5, 5, 4]) tasks.push(await stack.submitApplication(seconds));
    await stack.untilRunning(6);
    await stack.publish("v2");
    const samples: Sample[] = [];
    const bothAlive: { pids: (number | null)[]; digests: (string | null)[] }[] = [];
    const sampling = setInterval(() => void sample(samples), 100);
    try {
      const id = await stack.startDeploy("v2", quickKnobs);
      const watching = watchTwoGenerations(bothAlive);
      await stack.untilDeploy(id, ["completed"]);
      await expectNothingLostNothingTwice(stack, tasks);
      await watching;
    } finally {
      clearInterval(sampling);
    }
    expect(samples.length).toBeGreaterThan(20);
    expect(Math.min(...samples.map(({ usable }) => usable))).toBeGreaterThanOrEqual(6);
    expect(Math.max(...samples.map(({ busy }) => busy))).toBeLessThanOrEqual(6);
    const cut = await stack.rows(
      `SELECT * FROM attempts WHERE outcome IN ('interrupted', 'lost', 'cancelled', 'timed_out')`,
    );
    expect(cut).toEqual([]);

    // In the middle of a hand-over two generations live beside each other, and say so themselves.
    const [moment] = bothAlive;
    expect(new Set(moment?.pids).size).toBe(2);
    expect(new Set(moment?.digests).size).toBe(2);
  });
});

async function sample(samples: Sample[]): Promise<void> {
  const [row] = await stack.rows<{ usable: string; busy: string }>(
    `SELECT count(*) FILTER (WHERE state <> 'offline') AS usable, count(*) FILTER (WHERE state IN ('reserved', 'occupied')) AS busy FROM slots`,
  );
  if (row) samples.push({ usable: Number(row.usable), busy: Number(row.busy) });
}

async function watchTwoGenerations(seen: { pids: (number | null)[]; digests: (string | null)[] }[]): Promise<void> {
  await waitFor(
    "two generations alive on one host",
    async () => {
      for (const sandbox of stack.sandboxes) {
        const living = (await generationsOf(sandbox)).filter(
          ({ state, imageDigest, workerPid }) => state !== "ended" && imageDigest !== null && workerPid !== null,
        );
        if (living.length === 2) {
          seen.push({
            pids: living.map(({ workerPid }) => workerPid),
            digests: living.map(({ imageDigest }) => imageDigest),
          });
          return true;
        }
      }
      return undefined;
    },
    { deadlineMs: 60_000, everyMs: 100 },
  );
}
