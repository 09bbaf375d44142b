import { randomUUID } from "node:crypto";
import { verifyAuditChain } from "@valet/db";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { oneStep } from "../testing/fixtures.ts";
import { type TestApi, makeTestApi } from "../testing/test-api.ts";

const base = "/api/v1/tasks";
let api: TestApi;
beforeAll(async () => {
  api = await makeTestApi();
});
afterAll(() => api.close());

const submit = (body: unknown, headers: Record<string, string> = {}, as = "client") =>
  api.call({ url: base, body, headers, as });
const countTasks = async () =>
  (await api.db.query<{ total: number }>("SELECT count(*) AS total FROM tasks")).rows[0]?.total;

describe("submitting", () => {
  test("answers 201 with the queued task, defaults filled in", async () => {
    const answer = await submit({ ...oneStep, metadata: { order: "7" } });
    expect(answer.statusCode).toBe(201);
    expect(answer.json()).toMatchObject({
      state: "queued",
      tenantId: "test",
      environment: "dev",
      stepCount: 1,
      attempts: [],
      artifacts: [],
      metadata: { order: "7" },
      spec: { timeoutMs: 300_000, retry: { maxAttempts: 3 }, restart: "review" },
    });
    expect((await api.call({ url: `${base}/${answer.json().id}`, as: "client" })).json()).toEqual(answer.json());
  });

  test.each([
    ["metadata", { ...oneStep, metadata: { a: "x\0y" } }],
    ["a step", { steps: [{ action: "fill", selector: "a", value: "\ud800" }] }],
  ])("refuses what Postgres cannot store in %s with 422, and stores nothing", async (_, body) => {
    const before = await countTasks();
    const answer = await submit(body);
    expect([answer.statusCode, answer.json().error], answer.body).toEqual([422, "validation"]);
    expect(answer.json().message).toContain("NUL");
    expect(await countTasks()).toBe(before);
  });

  test.each([
    ["steps", { steps: [] }],
    ["steps", { steps: Array.from({ length: 501 }, () => oneStep.steps[0]) }],
    ["steps.0.action", { steps: [{ action: "evaluate", code: "1" }] }],
    ["steps.0.url", { steps: [{ action: "goto", url: "not an address" }] }],
    ["steps.0.url", { steps: [{ action: "goto", url: "file:///etc/passwd" }] }],
    ["steps.0.url", { steps: [{ action: "goto", url: "http://169.254.169.254/latest/meta-data" }] }],
    ["steps.0.selector", { steps: [{ action: "click" }] }],
    ["steps.0.effect", { steps: [{ action: "click", selector: "a", effect: "destroy" }] }],
    ["steps.0.value", { steps: [{ action: "fill", selector: "a", value: { plain: "x" } }] }],
    ["steps.0.extra", { steps: [{ action: "click", selector: "a", extra: true }] }],
    ["timeoutMs", { ...oneStep, timeoutMs: 10 }],
    ["priority", { ...oneStep, priority: 1e9 }],
    ["restart", { ...oneStep, restart: "always" }],
    ["placement.sandboxId", { ...oneStep, placement: { sandboxId: "x" } }],
    ["retry.maxAttempts", { ...oneStep, retry: { maxAttempts: 0 } }],
    ["webhookUrl", { ...oneStep, webhookUrl: "javascript:alert(1)" }],
    ["environment", { ...oneStep, environment: "qa" }],
    ["metadata.a", { ...oneStep, metadata: { a: 1 } }],
  ])("names %s and stores nothing", async (field, body) => {
    const before = await countTasks();
    const answer = await submit(body);
    expect(answer.statusCode, answer.body).toBe(422);
    expect(answer.json().details.map((detail: { field: string }) => detail.field)).toContain(field);
    expect(await countTasks()).toBe(before);
  });

  test("takes a body of some megabytes", async () => {
    const contentBase64 = Buffer.alloc(5_000_000).toString("base64");
    const answer = await submit({
      steps: [{ action: "upload", selector: "input", fileName: "a.bin", contentBase64 }],
    });
    expect(answer.statusCode).toBe(201);
  });

  test("a viewer may look and not submit", async () => {
    expect((await submit(oneStep, {}, "viewer")).statusCode).toBe(403);
  });
});

describe("first 17: idempotent submit", () => {
  const withKey = (key: string) => ({ "idempotency-key": key });

  test("50 parallel posts with one key make one task; each answer is that task", async () => {
    const before = Number(await countTasks());
    const key = randomUUID();
    const answers = await Promise.all(Array.from({ length: 50 }, () => submit(oneStep, withKey(key))));
    expect(new Set(answers.map((answer) => answer.json().id)).size).toBe(1);
    expect(answers.filter((answer) => answer.statusCode === 201)).toHaveLength(1);
    const replayed = answers.filter((answer) => answer.statusCode === 200);
    expect(replayed).toHaveLength(49);
    expect(replayed.every((answer) => answer.headers["idempotency-replayed"] === "true")).toBe(true);
    expect(await countTasks()).toBe(before + 1);
  });

  test("50 posts over two replicas make one task too", async () => {
    const before = Number(await countTasks());
    const other = await api.replica();
    const key = randomUUID();
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        (index % 2 ? other : api.app).inject({
          method: "POST",
          url: base,
          headers: { authorization: `Bearer ${api.tokens.client}`, ...withKey(key) },
          payload: oneStep,
        }),
      ),
    );
    expect(new Set(answers.map((answer) => answer.json().id)).size).toBe(1);
    expect(await countTasks()).toBe(before + 1);
  });

  test("the same key survives a restart of the API, whatever the order of fields", async () => {
    const key = randomUUID();
    const first = await submit({ ...oneStep, priority: 5 }, withKey(key));
    const restarted = await api.replica();
    const again = await restarted.inject({
      method: "POST",
      url: base,
      headers: { authorization: `Bearer ${api.tokens.client}`, ...withKey(key) },
      payload: { priority: 5, ...oneStep },
    });
    expect([again.statusCode, again.json().id]).toEqual([200, first.json().id]);
  });

  test("another body with the key is a 409, and the same key of another tenant is another task", async () => {
    const key = randomUUID();
    const first = await submit(oneStep, withKey(key));
    const changed = await submit({ ...oneStep, priority: 1 }, withKey(key));
    expect([changed.statusCode, changed.json().error]).toEqual([409, "idempotency_conflict"]);
    const others = await submit(oneStep, withKey(key), "other");
    expect(others.statusCode).toBe(201);
    expect(others.json().id).not.toBe(first.json().id);
  });

  test.each(["", " ", "x".repeat(201), "ünïcode", "two words"])("a key like %j is a 422", async (key) => {
    const answer = await submit(oneStep, withKey(key));
    expect([answer.statusCode, answer.json().details?.[0].field]).toEqual([422, "Idempotency-Key"]);
  });
});

describe("another tenant's task", () => {
  test("does not exist for a client; an operator sees it", async () => {
    const { id } = (await submit(oneStep)).json();
    const paths = ["", "/events", "/why", "/artifacts", `/artifacts/${randomUUID()}`];
    for (const path of paths)
      expect((await api.call({ url: `${base}/${id}${path}`, as: "other" })).statusCode).toBe(404);
    for (const action of ["cancel", "retry"])
      expect((await api.call({ url: `${base}/${id}/${action}`, body: {}, as: "other" })).statusCode).toBe(404);
    const listed = (await api.call({ url: `${base}?pageSize=1000`, as: "other" })).json().data;
    expect(listed.map((task: { id: string }) => task.id)).not.toContain(id);
    expect((await api.call({ url: `${base}/${id}`, as: "operator" })).statusCode).toBe(200);
  });
});

describe("cancel, retry and review", () => {
  test("a waiting task is cancelled at once, again is the same, and a task that ended otherwise is a 409", async () => {
    const { id } = (await submit(oneStep)).json();
    const cancel = () => api.call({ url: `${base}/${id}/cancel`, body: { reason: "changed my mind" }, as: "client" });
    expect((await cancel()).json()).toMatchObject({ id, state: "cancelled" });
    expect((await cancel()).json()).toMatchObject({ id, state: "cancelled" });
    await api.db.query("UPDATE tasks SET state = 'completed' WHERE id = $1", [id]);
    const late = await cancel();
    expect([late.statusCode, late.json().error]).toEqual([409, "illegal_transition"]);
    expect(late.json().message).toContain("completed");
  });

  test("retry makes a new task of an ended one, and of no other", async () => {
    const { id } = (await submit({ ...oneStep, metadata: { order: "8" } })).json();
    const retry = () => api.call({ url: `${base}/${id}/retry`, body: {}, as: "client" });
    expect((await retry()).statusCode).toBe(409);
    await api.call({ url: `${base}/${id}/cancel`, body: {}, as: "client" });
    const copy = await retry();
    expect(copy.statusCode).toBe(201);
    expect(copy.json()).toMatchObject({ state: "queued", metadata: { order: "8" } });
    expect(copy.json().id).not.toBe(id);
  });

  test("review is for tasks in doubt", async () => {
    const { id } = (await submit(oneStep)).json();
    const review = (as: string) =>
      api.call({ url: `${base}/${id}/review`, body: { decision: "completed", note: "seen" }, as });
    expect((await review("client")).statusCode).toBe(403);
    expect((await review("operator")).statusCode).toBe(409);
    await api.db.query("UPDATE tasks SET state = 'needs_review', queue_key = NULL WHERE id = $1", [id]);
    expect((await review("operator")).json()).toMatchObject({ state: "completed" });
  });
});

test("why tells what a waiting task waits for", async () => {
  const { id } = (await submit(oneStep)).json();
  const why = await api.call({ url: `${base}/${id}/why`, as: "client" });
  expect(why.json()).toMatchObject({ state: "queued", code: expect.any(String), position: expect.any(Number) });
  expect(why.json().message).toMatch(/[a-z]/);
});

test("every change stands in an unbroken audit chain", async () => {
  expect((await verifyAuditChain(api.db)).ok).toBe(true);
  const { rows } = await api.db.query<{ total: number }>(
    "SELECT count(*) AS total FROM tasks t WHERE NOT EXISTS (SELECT 1 FROM audit_log a WHERE a.data->>'newTaskId' = t.id::text OR (a.subject = t.id::text AND a.action = 'task.submit'))",
  );
  expect(rows[0]?.total).toBe(0);
});
