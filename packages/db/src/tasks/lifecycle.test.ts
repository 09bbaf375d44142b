import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { getSandbox } from "../sandboxes.ts";
import { makeTestFleet, must } from "../test-fleet.ts";
import type { TestFleet, TestSandbox } from "../test-fleet.ts";
import { createTestDatabase } from "../testing.ts";
import type { TestDatabase } from "../testing.ts";
import { acknowledge } from "./acknowledge.ts";
import { assignmentsFor } from "./assignments.ts";
import { completeAttempt } from "./complete.ts";
import { attemptsOf, getTask, taskEventsAfter } from "./read.ts";
import { recordEvents } from "./record-events.ts";
import type { EventInput, Reservation } from "@valet/shared";

let test: TestDatabase;
let fleet: TestFleet;
let box: TestSandbox;
beforeAll(async () => {
  test = await createTestDatabase();
});
afterAll(() => test.drop());
beforeEach(async () => {
  await test.db.query(
    "TRUNCATE tasks, attempts, slots, sandboxes, sessions, task_events, live_events, permits CASCADE",
  );
  fleet = makeTestFleet(test.db);
  box = await fleet.addSandbox();
});

const event = (ref: Reservation, seq: number, type: string, data: Record<string, unknown> = {}): EventInput => ({
  taskId: ref.taskId,
  fence: ref.fence,
  leaseId: ref.leaseId,
  seq,
  type,
  data,
  at: new Date().toISOString(),
});
const record = (events: EventInput[], sandboxId = box.id) =>
  test.db.tx((tx) => recordEvents(tx, { sandboxId, events, times: fleet.times }));
const one = (reservations: Reservation[]): Reservation => {
  const [first] = reservations;
  if (!first) throw new Error("nothing was reserved");
  return first;
};

describe("a task's way through the database", () => {
  it("is queued, reserved, acknowledged, followed and completed, and its slot is renewed", async () => {
    const task = await fleet.submit({ spec: { steps: [{ action: "goto" }, { action: "click" }] } });
    expect(task.state).toBe("queued");
    const ref = one(await fleet.reserve());
    expect(await assignmentsFor(test.db, box.id, { unacknowledgedOnly: true })).toMatchObject([
      { taskId: task.id, fence: 1, attempt: 1, slot: ref.slot, acknowledged: false },
    ]);
    const answer = must(await test.db.tx((tx) => acknowledge(tx, { sandboxId: box.id, ref, times: fleet.times })));
    expect(answer).toEqual({ attempt: 1, leaseExpiresInMs: 30_000 });
    expect((await getTask(test.db, task.id))?.state).toBe("running");
    await record([event(ref, 1, "step_started", { stepIndex: 0 }), event(ref, 2, "step_done", { stepIndex: 0 })]);
    expect((await getTask(test.db, task.id))?.stepsDone).toBe(1);
    const ended = await record([event(ref, 3, "finished", { status: "completed", result: { total: "5" } })]);
    expect(ended).toEqual({ accepted: [{ taskId: task.id, fence: 1, throughSeq: 3 }], stale: [] });
    expect(await getTask(test.db, task.id)).toMatchObject({ state: "completed", result: { total: "5" }, stepsDone: 2 });
    const slots = (await getSandbox(test.db, box.id))?.slots;
    expect(slots?.map((slot) => slot.state).sort()).toEqual(["accepting", "renewing"]);
  });

  it("is acknowledged again with the same answer, and refused to another sandbox or an older fence", async () => {
    await fleet.submit();
    const ref = one(await fleet.run());
    const again = await test.db.tx((tx) => acknowledge(tx, { sandboxId: box.id, ref, times: fleet.times }));
    expect(must(again).attempt).toBe(1);
    const other = await fleet.addSandbox();
    const foreign = await test.db.tx((tx) => acknowledge(tx, { sandboxId: other.id, ref, times: fleet.times }));
    expect(foreign).toMatchObject({ ok: false, error: { kind: "stale_fence" } });
    const older = { ...ref, fence: 0 };
    const stale = await test.db.tx((tx) => acknowledge(tx, { sandboxId: box.id, ref: older, times: fleet.times }));
    expect(stale.ok).toBe(false);
  });

  it("stores each event once, however often it is relayed", async () => {
    const task = await fleet.submit();
    const ref = one(await fleet.run());
    const events = [event(ref, 1, "attempt_started"), event(ref, 2, "step_started", { stepIndex: 0 })];
    await record(events);
    await record([...events, event(ref, 3, "step_done", { stepIndex: 0 })]);
    expect((await taskEventsAfter(test.db, task.id, 0, 100)).map((row) => row.seq)).toEqual([1, 2, 3]);
  });

  it("completes once when its end is relayed twice at the same time", async () => {
    const task = await fleet.submit();
    const ref = one(await fleet.run());
    const finished = event(ref, 1, "finished", { status: "completed" });
    const answers = await Promise.all([record([finished]), record([finished]), record([finished])]);
    for (const answer of answers) expect(answer.accepted).toEqual([{ taskId: task.id, fence: 1, throughSeq: 1 }]);
    expect((await attemptsOf(test.db, task.id)).map((row) => row.outcome)).toEqual(["completed"]);
  });

  it("F33: a recovered task takes no result of the stale attempt", async () => {
    const task = await fleet.submit();
    const stale = one(await fleet.run());
    await test.db.tx((tx) => completeAttempt(tx, box.id, { ...stale, status: "lost" }));
    await fleet.addSandbox();
    const fresh = one(await fleet.run());
    expect(fresh).toMatchObject({ taskId: task.id, fence: 2 });
    const late = await record([event(stale, 1, "finished", { status: "completed", result: { from: "stale" } })]);
    expect(late.stale).toEqual([{ taskId: task.id, fence: 1, leaseId: stale.leaseId }]);
    expect(await getTask(test.db, task.id)).toMatchObject({ state: "running", result: null });
    await record([event(fresh, 1, "finished", { status: "completed", result: { from: "fresh" } })], fresh.sandboxId);
    expect(await getTask(test.db, task.id)).toMatchObject({ state: "completed", result: { from: "fresh" } });
  });

  it("F07: a task handed back while it still executes is done once: the first result wins, and no third attempt begins", async () => {
    const task = await fleet.submit();
    const ref = one(await fleet.run());
    await test.db.tx((tx) => completeAttempt(tx, box.id, { ...ref, status: "lost", reason: "its lease ran out" }));
    expect((await getTask(test.db, task.id))?.state).toBe("queued");
    await record([event(ref, 1, "finished", { status: "completed", result: { n: "1" } })]);
    expect(await getTask(test.db, task.id)).toMatchObject({ state: "completed", result: { n: "1" } });
    await fleet.addSandbox();
    expect(await fleet.reserve()).toEqual([]);
  });

  it("takes an end with a wrong lease id for nobody's", async () => {
    const task = await fleet.submit();
    const ref = one(await fleet.run());
    const forged = { ...ref, leaseId: "00000000-0000-0000-0000-000000000000" };
    const answer = await record([event(forged, 1, "finished", { status: "completed" })]);
    expect(answer.stale).toHaveLength(1);
    expect((await getTask(test.db, task.id))?.state).toBe("running");
    expect(await taskEventsAfter(test.db, task.id, 0, 10)).toEqual([]);
  });

  it("F29: a queued task that the queue does not show cannot be written", async () => {
    const task = await fleet.submit();
    await expect(test.db.query("UPDATE tasks SET queue_key = NULL WHERE id = $1", [task.id])).rejects.toThrow(
      /tasks_queued_has_key/,
    );
    await expect(test.db.query("UPDATE tasks SET state = 'pending' WHERE id = $1", [task.id])).rejects.toThrow(
      /violates check constraint/,
    );
    expect(one(await fleet.reserve()).taskId).toBe(task.id);
  });

  it("starts again after an interruption elsewhere, keeps its place, and costs no attempt", async () => {
    const task = await fleet.submit();
    const ref = one(await fleet.run());
    await record([event(ref, 1, "finished", { status: "interrupted" })]);
    const queued = await getTask(test.db, task.id);
    expect(queued).toMatchObject({ state: "queued", interruptions: 1, attemptCount: 1 });
    expect(queued?.enqueuedAt).toEqual(task.enqueuedAt);
    // The only sandbox there is: better the one it was interrupted on than none.
    expect(one(await fleet.reserve())).toMatchObject({ taskId: task.id, sandboxId: box.id, fence: 2 });
  });

  it("avoids the sandbox it was interrupted on while there is another, even a busy one", async () => {
    const other = await fleet.addSandbox({ capacity: 1 });
    await fleet.submit();
    const first = one(await fleet.run());
    await record([event(first, 1, "finished", { status: "interrupted" })], first.sandboxId);
    const next = one(await fleet.reserve());
    expect(next.sandboxId).toBe(first.sandboxId === box.id ? other.id : box.id);
  });

  it("never has two open attempts", async () => {
    const task = await fleet.submit();
    one(await fleet.run());
    await expect(
      test.db.query(
        `INSERT INTO attempts (task_id, fence, lease_id, sandbox_id, slot_index, generation, lease_expires_at)
         VALUES ($1, 2, 'other-lease', $2, 1, 1, now())`,
        [task.id, box.id],
      ),
    ).rejects.toThrow(/attempts_one_open/);
  });
});
