import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { liveEventsAfter } from "../live-events.ts";
import { getSandbox } from "../sandboxes.ts";
import { makeTestFleet, must } from "../test-fleet.ts";
import type { TestFleet, TestSandbox } from "../test-fleet.ts";
import { createTestDatabase } from "../testing.ts";
import type { TestDatabase } from "../testing.ts";
import { acknowledge } from "./acknowledge.ts";
import { cancelsFor } from "./assignments.ts";
import { completeAttempt } from "./complete.ts";
import { getTask } from "./read.ts";
import { applyTaskCallback, requestCancel, retryTask, reviewTask } from "./requests.ts";
import { whyTask } from "./why.ts";

let test: TestDatabase;
let fleet: TestFleet;
let box: TestSandbox;
const actor = "someone";
beforeAll(async () => {
  test = await createTestDatabase();
});
afterAll(() => test.drop());
beforeEach(async () => {
  await test.db.query("TRUNCATE tasks, attempts, slots, sandboxes, sessions, live_events, permits CASCADE");
  fleet = makeTestFleet(test.db);
  box = await fleet.addSandbox({ capacity: 1 });
});
const cancel = (id: string) => test.db.tx((tx) => requestCancel(tx, id, { actor }));

describe("cancelling", () => {
  it("ends a waiting task at once, and an ended one not", async () => {
    const task = await fleet.submit();
    expect(must(await cancel(task.id))).toMatchObject({ state: "cancelled", stateReason: "cancelled by someone" });
    expect(must(await cancel(task.id)).state).toBe("cancelled");
    expect(await fleet.reserve()).toEqual([]);
  });

  it("ends a reserved task at once: its acknowledgement is refused and its slot accepts again", async () => {
    const task = await fleet.submit();
    const [ref] = await fleet.reserve();
    if (!ref) throw new Error("nothing was reserved");
    expect(must(await cancel(task.id)).state).toBe("cancelled");
    const late = await test.db.tx((tx) => acknowledge(tx, { sandboxId: box.id, ref, times: fleet.times }));
    expect(late).toMatchObject({ ok: false, error: { kind: "stale_fence" } });
    expect((await getSandbox(test.db, box.id))?.slots[0]?.state).toBe("accepting");
  });

  it("F31: reaches a running task's browser: the host is told until the end is reported", async () => {
    const task = await fleet.submit();
    const [ref] = await fleet.run();
    if (!ref) throw new Error("nothing runs");
    expect(must(await cancel(task.id))).toMatchObject({ state: "running", cancelRequested: true });
    const told = [{ taskId: task.id, fence: 1, leaseId: ref.leaseId }];
    expect(await cancelsFor(test.db, box.id)).toEqual(told);
    expect((await box.heartbeat()).cancel).toEqual(told);
    await test.db.tx((tx) => completeAttempt(tx, box.id, { ...ref, status: "cancelled" }));
    expect((await getTask(test.db, task.id))?.state).toBe("cancelled");
    expect(await cancelsFor(test.db, box.id)).toEqual([]);
  });

  it("is refused for another tenant's task", async () => {
    const task = await fleet.submit();
    const answer = await test.db.tx((tx) => requestCancel(tx, task.id, { actor, tenantId: "stranger" }));
    expect(answer).toMatchObject({ ok: false, error: { kind: "unknown_task" } });
  });
});

describe("retrying", () => {
  const failOnce = async (status: "failed") => {
    const [ref] = await fleet.run();
    if (!ref) throw new Error("nothing runs");
    await test.db.tx((tx) =>
      completeAttempt(tx, ref.sandboxId, { ...ref, status, error: { code: "x", message: "y" } }),
    );
    return ref;
  };

  it("F34: a task that is tried again is never announced as failed", async () => {
    const task = await fleet.submit({ spec: { retry: { maxAttempts: 2 } } });
    await failOnce("failed");
    expect((await getTask(test.db, task.id))?.state).toBe("queued");
    const events = await liveEventsAfter(test.db, { lastId: 0, audience: "test", limit: 100 });
    const told = events.filter((event) => event.type === "task_update").map((event) => event.payload.status);
    expect(told).toEqual(["queued", "running", "queued"]);
    const { rows } = await test.db.query("SELECT state FROM webhook_outbox");
    expect(rows).toEqual([]);
  });

  it("of an ended task submits the same work anew", async () => {
    const task = await fleet.submit({ spec: { retry: { maxAttempts: 1 }, metadata: { order: "7" } } });
    await failOnce("failed");
    const fresh = must(await test.db.tx((tx) => retryTask(tx, task.id, { actor })));
    expect(fresh).toMatchObject({ state: "queued", metadata: { order: "7" } });
    expect(fresh.id).not.toBe(task.id);
    expect((await getTask(test.db, task.id))?.state).toBe("failed");
    const again = await test.db.tx((tx) => retryTask(tx, fresh.id, { actor }));
    expect(again).toMatchObject({ ok: false, error: { kind: "illegal_transition", from: "queued" } });
  });
});

describe("reviewing", () => {
  const doubtful = async (): Promise<string> => {
    const task = await fleet.submit();
    await test.db.query("UPDATE tasks SET state = 'needs_review', queue_key = NULL WHERE id = $1", [task.id]);
    return task.id;
  };
  it.each([
    ["completed", "completed"],
    ["failed", "failed"],
    ["restart", "queued"],
  ] as const)("%s makes it %s", async (decision, state) => {
    const id = await doubtful();
    const reviewed = await test.db.tx((tx) => reviewTask(tx, id, { decision, note: "looked", actor }));
    expect(must(reviewed)).toMatchObject({ state, stateReason: "reviewed by someone: looked" });
    const again = await test.db.tx((tx) => reviewTask(tx, id, { decision, note: "", actor }));
    expect(again).toMatchObject({ ok: false, error: { kind: "illegal_transition" } });
  });
});

describe("the callback of GHOST-HANDS' own clients", () => {
  it("hands a running task to a person and back, and does not end it", async () => {
    const task = await fleet.submit();
    await fleet.run();
    const call = (status: "needs_human" | "resumed" | "completed") =>
      test.db.tx((tx) => applyTaskCallback(tx, task.id, { status, instructions: "solve it" }));
    expect(must(await call("needs_human")).state).toBe("needs_human");
    expect(must(await call("resumed")).state).toBe("running");
    expect(must(await call("completed")).state).toBe("running");
  });
});

describe("why a task waits", () => {
  const why = async (id: string) => whyTask(test.db, id, fleet.times);

  it("names each blocker, in turn", async () => {
    const task = await fleet.submit();
    expect(await why(task.id)).toMatchObject({ code: "ahead_in_queue", position: 1, etaMs: 0 });
    await test.db.query("UPDATE slots SET state = 'renewing'");
    expect(await why(task.id)).toMatchObject({ code: "no_free_slot", position: 1 });
    await test.db.query("DELETE FROM allowed_releases");
    expect(await why(task.id)).toMatchObject({ code: "no_allowed_release", etaMs: null });
    await test.db.query("UPDATE sandboxes SET reachable = false");
    expect(await why(task.id)).toMatchObject({ code: "all_unreachable" });
    await test.db.query(
      "INSERT INTO cordons (sandbox_id, holder_kind, holder_id, reason) SELECT id, 'operator', 'x', 'x' FROM sandboxes",
    );
    expect(await why(task.id)).toMatchObject({ code: "all_cordoned" });
    await test.db.query("UPDATE sandboxes SET environment = 'staging'");
    expect(await why(task.id)).toMatchObject({ code: "no_sandboxes" });
    const picky = await fleet.submit({ environment: "staging", spec: { placement: { labels: { gpu: "yes" } } } });
    expect(await why(picky.id)).toMatchObject({ code: "no_matching_sandbox" });
    expect(await why("00000000-0000-4000-8000-000000000000")).toBeUndefined();
  });

  it("counts its place by the tenants' turns, not by who came first", async () => {
    await test.db.query("UPDATE slots SET state = 'renewing'");
    const many = [];
    for (let n = 0; n < 5; n += 1) many.push(await fleet.submit({ tenantId: "many" }));
    const few = await fleet.submit({ tenantId: "few" });
    expect((await why(few.id))?.position).toBeLessThanOrEqual(2);
    expect((await why(many[4]?.id ?? ""))?.position).toBe(6);
    await test.db.tx((tx) => requestCancel(tx, few.id, { actor }));
    expect(await why(few.id)).toMatchObject({ code: "not_waiting", position: null });
  });
});
