import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { makeTestFleet, must } from "../test-fleet.ts";
import type { TestFleet, TestSandbox } from "../test-fleet.ts";
import { createTestDatabase } from "../testing.ts";
import type { TestDatabase } from "../testing.ts";
import { completeAttempt } from "./complete.ts";
import { grantPermit } from "./permit.ts";
import { getTask } from "./read.ts";
import { recordEvents } from "./record-events.ts";
import { requestCancel } from "./requests.ts";
import type { Reservation } from "@valet/shared";

let test: TestDatabase;
let fleet: TestFleet;
let box: TestSandbox;
let ref: Reservation;
beforeAll(async () => {
  test = await createTestDatabase();
});
afterAll(() => test.drop());
beforeEach(async () => {
  await test.db.query("TRUNCATE tasks, attempts, slots, sandboxes, sessions, task_events, permits CASCADE");
  fleet = makeTestFleet(test.db);
  box = await fleet.addSandbox();
  await fleet.submit();
  const [reserved] = await fleet.run();
  if (!reserved) throw new Error("nothing was reserved");
  ref = reserved;
});

const ask = (change: Partial<{ ref: Reservation; stepIndex: number; workerBootId: string; sandboxId: string }> = {}) =>
  test.db.tx((tx) =>
    grantPermit(tx, { sandboxId: box.id, ref, stepIndex: 1, workerBootId: "boot-1", times: fleet.times, ...change }),
  );
const kindOf = async (answer: ReturnType<typeof ask>) => {
  const result = await answer;
  return result.ok ? "granted" : result.error.kind;
};

describe("permits for write steps", () => {
  it("are granted to the newest fence with a live lease, and again to the same boot that has not used one", async () => {
    const first = must(await ask());
    expect(first.usableForMs).toBe(fleet.times.permitMs);
    expect(must(await ask()).permitId).toBe(first.permitId);
  });

  it("first 2, first 11: a fenced-out attempt gets none, a thousand times over", async () => {
    await test.db.tx((tx) => completeAttempt(tx, box.id, { ...ref, status: "lost" }));
    await fleet.addSandbox();
    await fleet.run();
    const answers = new Set<string>();
    for (let n = 0; n < 100; n += 1) {
      const ten = Array.from({ length: 10 }, (_, m) => kindOf(ask({ stepIndex: n * 10 + m })));
      for (const kind of await Promise.all(ten)) answers.add(kind);
    }
    expect([...answers]).toEqual(["stale_fence"]);
  });

  it("need a live lease, and come back with it", async () => {
    await test.db.query("UPDATE attempts SET lease_expires_at = now() - interval '1 second'");
    expect(await kindOf(ask())).toBe("lease_expired");
    const attempts = [{ taskId: ref.taskId, fence: ref.fence, leaseId: ref.leaseId }];
    expect((await box.heartbeat({ attempts })).renewed).toEqual(attempts);
    expect(await kindOf(ask())).toBe("granted");
  });

  it("are refused with a wrong lease id, from another sandbox, and once the task is to be cancelled", async () => {
    expect(await kindOf(ask({ ref: { ...ref, leaseId: "11111111-aaaa" } }))).toBe("stale_fence");
    const other = await fleet.addSandbox();
    expect(await kindOf(ask({ sandboxId: other.id }))).toBe("stale_fence");
    await test.db.tx((tx) => requestCancel(tx, ref.taskId, { actor: "me" }));
    expect(await kindOf(ask())).toBe("cancel_requested");
  });

  it("F60: a step that was journalled as done gets no second permit, nor does another start of the GH worker", async () => {
    must(await ask());
    const done = { ...ref, seq: 1, type: "step_done", data: { stepIndex: 1 }, at: new Date().toISOString() };
    await test.db.tx((tx) => recordEvents(tx, { sandboxId: box.id, events: [done] }));
    expect(await kindOf(ask())).toBe("used_up");
    expect(await kindOf(ask({ stepIndex: 2 }))).toBe("granted");
    expect(await kindOf(ask({ stepIndex: 3, workerBootId: "boot-2" }))).toBe("wrong_boot");
  });

  it("F60: a task interrupted after a submitted and journalled step is not started again", async () => {
    must(await ask());
    const at = new Date().toISOString();
    const events = [
      { ...ref, seq: 1, type: "step_done", data: { stepIndex: 1 }, at },
      { ...ref, seq: 2, type: "finished", data: { status: "interrupted" }, at },
    ];
    await test.db.tx((tx) => recordEvents(tx, { sandboxId: box.id, events }));
    expect(await getTask(test.db, ref.taskId)).toMatchObject({ state: "needs_review", cancelRequested: false });
    expect(await fleet.reserve()).toEqual([]);
  });

  it("either stop a take-over from restarting, or are refused by it, however the two race", async () => {
    for (let n = 0; n < 15; n += 1) {
      await fleet.addSandbox({ capacity: 1 });
      const task = await fleet.submit();
      const [next] = (await fleet.run()).filter((one) => one.taskId === task.id);
      if (!next) throw new Error("nothing was reserved");
      const [granted] = await Promise.all([
        ask({ ref: next, sandboxId: next.sandboxId }),
        test.db.tx((tx) => completeAttempt(tx, next.sandboxId, { ...next, status: "lost" })),
      ]);
      const state = (await getTask(test.db, task.id))?.state;
      expect(state).toBe(granted.ok ? "needs_review" : "queued");
      await test.db.query("UPDATE tasks SET state = 'cancelled', queue_key = NULL WHERE id = $1", [task.id]);
    }
  });
});
