import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeTestFleet } from "../test-fleet.ts";
import { createTestDatabase } from "../testing.ts";
import type { TestDatabase } from "../testing.ts";
import { completeAttempts } from "./complete.ts";
import { getTask } from "./read.ts";
import { recordEvents } from "./record-events.ts";

let test: TestDatabase;
beforeAll(async () => {
  test = await createTestDatabase();
});
afterAll(() => test.drop());

describe("ending attempts", () => {
  it("F33: a failure reported late under an older lease settles nothing", async () => {
    const fleet = makeTestFleet(test.db);
    const box = await fleet.addSandbox();
    const task = await fleet.submit();
    const [ref] = await fleet.run();
    if (!ref) throw new Error("nothing runs");
    const forged = { ...ref, leaseId: "11111111-somebody-else", status: "failed" as const };
    expect(await test.db.tx((tx) => completeAttempts(tx, box.id, [forged]))).toMatchObject([{ taken: false }]);
    expect(await getTask(test.db, task.id)).toMatchObject({ state: "running", interruptions: 0 });
  });

  it("stores what Postgres cannot, a NUL or half a pair, as U+FFFD: one page's text holds nobody's results up", async () => {
    const fleet = makeTestFleet(test.db);
    const box = await fleet.addSandbox({ capacity: 20 });
    // Sandboxes of other tests take a few of them.
    for (let n = 0; n < 20; n += 1) await fleet.submit();
    const refs = (await fleet.run()).filter((ref) => ref.sandboxId === box.id).slice(0, 2);
    const at = new Date().toISOString();
    const result = { "a\0": ["x\0y", "\ud83d", "\ud83d\ude00"] };
    const events = refs.map((ref, n) => {
      const error = { code: "step_failed", message: "it said \0" };
      const data = n === 0 ? { status: "completed", result } : { status: "failed", result, error };
      return { ...ref, at, seq: 1, type: "finished", data };
    });
    const stored = await test.db.tx((tx) => recordEvents(tx, { sandboxId: box.id, events }));
    expect(stored.accepted).toHaveLength(2);
    const done = await getTask(test.db, refs[0]?.taskId ?? "");
    expect(done).toMatchObject({ state: "completed", result: { "a\ufffd": ["x\ufffdy", "\ufffd", "\ud83d\ude00"] } });
    expect((await getTask(test.db, refs[1]?.taskId ?? ""))?.stateReason).toContain("it said \ufffd");
  });

  it("takes each attempt's end once in one call, and ends of different kinds together", async () => {
    const fleet = makeTestFleet(test.db);
    const box = await fleet.addSandbox({ capacity: 4 });
    for (let n = 0; n < 4; n += 1) await fleet.submit();
    const refs = (await fleet.run()).filter((ref) => ref.sandboxId === box.id);
    const kinds = ["completed", "failed", "timed_out", "interrupted"] as const;
    const finishes = refs.map((ref, n) => ({ ...ref, status: kinds[n % kinds.length] ?? "completed" }));
    const twice = [...finishes, ...finishes.map((finish) => ({ ...finish, status: "cancelled" as const }))];
    const answers = await test.db.tx((tx) => completeAttempts(tx, box.id, twice));
    expect(answers.filter((answer) => answer.taken)).toHaveLength(refs.length);
    const states = await Promise.all(finishes.map(async (one) => (await getTask(test.db, one.taskId))?.state));
    const expected = { completed: "completed", failed: "queued", timed_out: "timed_out", interrupted: "queued" };
    expect(states).toEqual(finishes.map((one) => expected[one.status]));
  });
});
