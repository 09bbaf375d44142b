import { randomUUID } from "node:crypto";
import type { AttemptRef } from "@valet/contracts";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { addSandbox, oneStep } from "../testing/fixtures.ts";
import { type TestApi, makeTestApi } from "../testing/test-api.ts";
import { type WorkingSandbox, addWorkingSandbox, assign } from "../testing/working-sandbox.ts";

let api: TestApi;
let sandbox: WorkingSandbox;
beforeAll(async () => {
  api = await makeTestApi();
});
afterAll(() => api.close());
beforeEach(async () => {
  await api.db.query("UPDATE tasks SET state = 'cancelled', queue_key = NULL WHERE state = 'queued'");
  await api.db.query("UPDATE sandboxes SET state = 'stopped'");
  sandbox = await addWorkingSandbox(api);
});

const submit = async (body: Record<string, unknown> = {}) =>
  (await api.call({ url: "/api/v1/tasks", body: { ...oneStep, ...body }, as: "client" })).json().id as string;
const taskOf = async (id: string) => (await api.call({ url: `/api/v1/tasks/${id}` })).json();

/** A task that this sandbox has acknowledged. */
async function running(body: Record<string, unknown> = {}): Promise<AttemptRef> {
  const taskId = await submit(body);
  await assign(api);
  const polled = await sandbox.poll();
  const found = polled.assignments.find((assignment) => assignment.taskId === taskId);
  if (!found) throw new Error("not assigned");
  const ref = { taskId, fence: found.fence, leaseId: found.leaseId };
  expect((await sandbox.call("acknowledge", ref)).statusCode).toBe(200);
  return ref;
}

describe("opening a session", () => {
  test("a newer one closes the older; the older is told to open again", async () => {
    const opened = await api.call({
      url: "/api/v1/sandbox/session",
      as: sandbox.token,
      body: { bootId: "b2", version: "1", wire: { min: 1, max: 3 } },
    });
    expect(opened.statusCode).toBe(201);
    expect(opened.json()).toMatchObject({
      sandboxId: sandbox.id,
      sandboxName: sandbox.name,
      wire: 1,
      leaseMs: 300_000,
    });
    const old = await sandbox.call("assignments?waitMs=0");
    expect([old.statusCode, old.json().error]).toEqual([409, "conflict"]);
    const ref = { taskId: randomUUID(), fence: 1, leaseId: "x".repeat(8) };
    expect((await sandbox.call("acknowledge", ref)).json().error).toBe("conflict");
  });

  test("ends a long-poll of the older session within a second", async () => {
    const waiting = sandbox.call("assignments?waitMs=20000&planRevision=999999");
    const first = await sandbox.poll();
    const parked = sandbox.call(`assignments?waitMs=20000&planRevision=${first.plan.revision}`);
    await waiting;
    const started = performance.now();
    await api.call({
      url: "/api/v1/sandbox/session",
      as: sandbox.token,
      body: { bootId: "b3", version: "1", wire: { min: 1, max: 1 } },
    });
    expect((await parked).statusCode).toBe(409);
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  test("gives back the attempts that the database still holds", async () => {
    const ref = await running();
    const opened = await api.call({
      url: "/api/v1/sandbox/session",
      as: sandbox.token,
      body: { bootId: "b4", version: "1", wire: { min: 1, max: 1 } },
    });
    expect(opened.json().attempts).toEqual([expect.objectContaining({ ...ref, acknowledged: true, attempt: 1 })]);
  });

  test("wire versions that do not meet are a 409 that names both", async () => {
    const answer = await api.call({
      url: "/api/v1/sandbox/session",
      as: sandbox.token,
      body: { bootId: "b5", version: "9", wire: { min: 7, max: 9 } },
    });
    expect(answer.statusCode).toBe(409);
    expect(answer.json().message).toContain("7 to 9");
  });

  test("another sandbox's session is none of ours", async () => {
    const stranger = await addSandbox(api);
    const answer = await api.call({
      url: `/api/v1/sandbox/session/${sandbox.sessionId}/assignments?waitMs=0`,
      as: stranger.token,
    });
    expect(answer.statusCode).toBe(409);
  });
});

describe("the long-poll", () => {
  test("F29: what is submitted over HTTP is what the assigner takes and the sandbox hears of, at once", async () => {
    const { plan } = await sandbox.poll();
    const waiting = sandbox.poll(`waitMs=20000&planRevision=${plan.revision}`);
    const taskId = await submit({ metadata: { order: "9" } });
    const started = performance.now();
    const { reservations } = await assign(api);
    expect(reservations.map((one) => one.taskId)).toEqual([taskId]);
    const { assignments } = await waiting;
    expect(performance.now() - started).toBeLessThan(10_000);
    expect(assignments).toEqual([
      expect.objectContaining({ taskId, attempt: 1, acknowledged: false, generation: 1, fence: 1 }),
    ]);
    expect(assignments[0]?.spec).toMatchObject({ steps: oneStep.steps, timeoutMs: 300_000 });
  });

  test("a missed notification is covered within about a second", async () => {
    const { plan } = await sandbox.poll();
    const waiting = sandbox.poll(`waitMs=20000&planRevision=${plan.revision}`);
    await submit();
    await api.db.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE '% listen' AND datname = current_database()",
    );
    await assign(api);
    const started = performance.now();
    expect((await waiting).assignments).toHaveLength(1);
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  test("an unacknowledged assignment is repeated, but not in a tight loop", async () => {
    const taskId = await submit();
    await assign(api);
    const first = await sandbox.poll("waitMs=5000");
    expect(first.assignments[0]?.taskId).toBe(taskId);
    const started = performance.now();
    const again = await sandbox.poll(`waitMs=10000&planRevision=${first.plan.revision}`);
    expect(again.assignments[0]?.taskId).toBe(taskId);
    expect(performance.now() - started).toBeGreaterThan(500);
  });

  test("a cancel of a running task wakes it", async () => {
    const ref = await running();
    const { plan } = await sandbox.poll();
    const waiting = sandbox.poll(`waitMs=20000&planRevision=${plan.revision}`);
    await api.call({ url: `/api/v1/tasks/${ref.taskId}/cancel`, body: {}, as: "client" });
    expect((await waiting).cancel).toEqual([ref]);
    expect((await sandbox.heartbeat([ref])).cancel).toEqual([ref]);
  });

  test("200 sandboxes' polls wake together and each hears only of its own", async () => {
    const all = await Promise.all(Array.from({ length: 20 }, () => addWorkingSandbox(api)));
    const revisions = await Promise.all(all.map(async (one) => (await one.poll()).plan.revision));
    const polls = all.map((one, index) => one.poll(`waitMs=20000&planRevision=${revisions[index]}`));
    await Promise.all(all.map((one) => submit({ placement: { sandboxId: one.id } })));
    await assign(api);
    const answers = await Promise.all(polls);
    expect(answers.every((answer) => answer.assignments.length === 1)).toBe(true);
    expect(new Set(answers.map((answer) => answer.assignments[0]?.taskId)).size).toBe(20);
  });

  test("answers when its time is over with what there is", async () => {
    const { plan } = await sandbox.poll();
    const started = performance.now();
    const answer = await sandbox.poll(`waitMs=300&planRevision=${plan.revision}`);
    expect(answer).toMatchObject({ assignments: [], cancel: [], plan: { revision: plan.revision, target: 1 } });
    expect(performance.now() - started).toBeGreaterThan(250);
  });
});

describe("acknowledge, permit, events", () => {
  test("a task runs from submission to its result, each step once", async () => {
    const ref = await running({ steps: [{ action: "click", selector: "#send" }] });
    expect((await sandbox.heartbeat([ref])).renewed).toEqual([ref]);
    const permit = await sandbox.call("permit", { ...ref, stepIndex: 0, workerBootId: sandbox.bootId });
    expect(permit.json()).toMatchObject({ granted: true, usableForMs: 5_000 });
    const sent = [
      { type: "attempt_started" },
      { type: "step_done", data: { stepIndex: 0 } },
      { type: "finished", data: { status: "completed", result: { total: "7" } } },
    ];
    const stored = await sandbox.events(ref, sent);
    expect(stored.json()).toEqual({ accepted: [{ taskId: ref.taskId, fence: 1, throughSeq: 3 }], stale: [] });
    expect((await sandbox.events(ref, sent)).statusCode).toBe(200);
    expect(await taskOf(ref.taskId)).toMatchObject({
      state: "completed",
      result: { total: "7" },
      attempts: [expect.objectContaining({ number: 1, outcome: "completed", sandboxId: sandbox.id })],
    });
  });

  test("a fence that is not ours is a 409 stale_fence everywhere, and changes nothing", async () => {
    const ref = await running();
    for (const wrong of [
      { ...ref, fence: 2 },
      { ...ref, leaseId: "another-lease" },
      { ...ref, taskId: randomUUID() },
    ]) {
      const acknowledged = await sandbox.call("acknowledge", wrong);
      expect([acknowledged.statusCode, acknowledged.json().error]).toEqual([409, "stale_fence"]);
      const permit = await sandbox.call("permit", { ...wrong, stepIndex: 0, workerBootId: sandbox.bootId });
      expect([permit.statusCode, permit.json().error]).toEqual([409, "stale_fence"]);
      const events = await sandbox.events(wrong, [{ type: "finished", data: { status: "failed" } }]);
      expect(events.json().stale).toEqual([wrong]);
    }
    expect((await taskOf(ref.taskId)).state).toBe("running");
  });

  test("F34: a failed attempt that will be tried again is never told as failed", async () => {
    const ref = await running({ retry: { maxAttempts: 2 } });
    const error = { code: "assert", message: "the button was not there", stepIndex: 0 };
    await sandbox.events(ref, [{ type: "finished", data: { status: "failed", error } }]);
    expect((await taskOf(ref.taskId)).state).toBe("queued");
    const { rows } = await api.db.query<{ status: string }>(
      "SELECT payload->>'status' AS status FROM live_events WHERE payload->>'taskId' = $1 ORDER BY id",
      [ref.taskId],
    );
    expect(rows.map((row) => row.status)).not.toContain("failed");
    expect(rows.at(-1)?.status).toBe("queued");
  });

  test("a step done once gets no second permit, and that is no reason to kill the attempt", async () => {
    const ref = await running({ steps: [{ action: "click", selector: "#send" }] });
    const ask = () => sandbox.call("permit", { ...ref, stepIndex: 0, workerBootId: sandbox.bootId });
    expect((await ask()).statusCode).toBe(200);
    await sandbox.events(ref, [{ type: "step_done", data: { stepIndex: 0 } }]);
    const second = await ask();
    expect([second.statusCode, second.json().error]).toEqual([400, "bad_request"]);
  });
});

describe("artifacts", () => {
  const png = Buffer.from("89504e470d0a1a0a", "hex");
  const put = (ref: AttemptRef, name: string, content: Buffer, as = sandbox.token) =>
    api.app.inject({
      method: "PUT",
      url: `/api/v1/sandbox/session/${sandbox.sessionId}/artifacts/${ref.taskId}/${ref.fence}/${name}`,
      headers: { authorization: `Bearer ${as}`, "content-type": "image/png" },
      payload: content,
    });

  test("are stored once and served with their own type to their own tenant", async () => {
    const ref = await running();
    const stored = await put(ref, "shot-1.png", png);
    expect(stored.statusCode).toBe(201);
    expect((await put(ref, "shot-1.png", png)).json()).toEqual(stored.json());
    const list = await api.call({ url: `/api/v1/tasks/${ref.taskId}/artifacts`, as: "client" });
    expect(list.json().data).toEqual([
      expect.objectContaining({ name: "shot-1.png", bytes: 8, contentType: "image/png" }),
    ]);
    const url = `/api/v1/tasks/${ref.taskId}/artifacts/${stored.json().id}`;
    const served = await api.call({ url, as: "client" });
    expect(served.rawPayload).toEqual(png);
    expect(served.headers).toMatchObject({ "content-type": "image/png", "x-content-type-options": "nosniff" });
    expect((await api.call({ url, as: "other" })).statusCode).toBe(404);
  });

  test("a page of a stranger is never shown from our origin", async () => {
    const ref = await running();
    const stored = await api.app.inject({
      method: "PUT",
      url: `/api/v1/sandbox/session/${sandbox.sessionId}/artifacts/${ref.taskId}/${ref.fence}/page.html`,
      headers: { authorization: `Bearer ${sandbox.token}`, "content-type": "text/html" },
      payload: "<script>alert(1)</script>",
    });
    const served = await api.call({ url: `/api/v1/tasks/${ref.taskId}/artifacts/${stored.json().id}` });
    expect(served.headers["content-disposition"]).toMatch(/^attachment/);
    expect(served.headers["content-security-policy"]).toContain("sandbox");
  });

  test.each(["..%2Fx", ".hidden", "a%00b", "a/b", "x".repeat(201)])("the name %s is refused", async (name) => {
    const ref = await running();
    expect([400, 404, 414, 422]).toContain((await put(ref, name, png)).statusCode);
  });

  test("of an attempt that is not ours are refused as stale; 26 MB as too large", async () => {
    const ref = await running();
    expect((await put({ ...ref, fence: 7 }, "a.png", png)).json().error).toBe("stale_fence");
    expect((await put(ref, "a.png", Buffer.alloc(27_000_000))).statusCode).toBe(413);
  });
});

test("closing a session touches no running task", async () => {
  const ref = await running();
  const closed = await api.call({
    method: "DELETE",
    url: `/api/v1/sandbox/session/${sandbox.sessionId}`,
    as: sandbox.token,
  });
  expect(closed.json()).toEqual({ closed: true });
  expect((await taskOf(ref.taskId)).state).toBe("running");
});
