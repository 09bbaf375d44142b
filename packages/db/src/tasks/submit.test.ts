import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { liveEventsAfter } from "../live-events.ts";
import { must, testSpec } from "../test-fleet.ts";
import { createTestDatabase } from "../testing.ts";
import type { TestDatabase } from "../testing.ts";
import { listTasks } from "./read.ts";
import { submitTask } from "./submit.ts";

let test: TestDatabase;
beforeAll(async () => {
  test = await createTestDatabase();
});
afterAll(() => test.drop());

const submit = (idempotencyKey: string, bodyHash: string) =>
  test.db.tx((tx) =>
    submitTask(tx, { tenantId: "test", environment: "dev", spec: testSpec, idempotencyKey, bodyHash }),
  );

describe("submitting", () => {
  it("first 17: fifty posts with one key at once make one task", async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, () => submit("key-1", "body-1")));
    const tasks = answers.map(must);
    expect(new Set(tasks.map((one) => one.task.id)).size).toBe(1);
    expect(tasks.filter((one) => !one.replayed)).toHaveLength(1);
    const { rows } = await test.db.query<{ count: number }>("SELECT count(*) AS count FROM tasks");
    expect(rows[0]?.count).toBe(1);
  });

  it("first 17: another body under the same key is refused, and says which task has it", async () => {
    const first = must(await submit("key-2", "body-1"));
    expect(await submit("key-2", "body-2")).toMatchObject({
      ok: false,
      error: { kind: "idempotency_conflict", taskId: first.task.id },
    });
  });

  it("keeps keys of tenants apart, and takes the key back when the transaction fails", async () => {
    await expect(
      test.db.tx(async (tx) => {
        await submitTask(tx, {
          tenantId: "test",
          environment: "dev",
          spec: testSpec,
          idempotencyKey: "key-3",
          bodyHash: "b",
        });
        throw new Error("the API failed after that");
      }),
    ).rejects.toThrow("the API failed");
    expect(must(await submit("key-3", "b")).replayed).toBe(false);
  });

  it("tells dashboards", async () => {
    const { task } = must(await submit("key-4", "b"));
    const events = await liveEventsAfter(test.db, { lastId: 0, audience: "test", limit: 100 });
    expect(events.at(-1)).toMatchObject({ type: "task_update", payload: { taskId: task.id, status: "queued" } });
  });

  it("F51: lists by the columns on the list only", async () => {
    const query = { page: 1, pageSize: 10, sortOrder: "desc" } as const;
    expect((await listTasks(test.db, { ...query, sortBy: "priority" })).total).toBeGreaterThan(0);
    const evil = "created_at; DROP TABLE tasks --" as "createdAt";
    await expect(listTasks(test.db, { ...query, sortBy: evil })).rejects.toThrow(/no column to sort by/);
    await expect(listTasks(test.db, { ...query, sortBy: "__proto__" as "createdAt" })).rejects.toThrow(/no column/);
  });

  it("finds tasks by the beginning of their id and by metadata", async () => {
    const spec = { ...testSpec, metadata: { order: "A-4711" } };
    const { task } = must(await test.db.tx((tx) => submitTask(tx, { tenantId: "test", environment: "dev", spec })));
    const find = (search: string) =>
      listTasks(test.db, { page: 1, pageSize: 10, sortOrder: "desc", sortBy: "createdAt", search });
    expect((await find(task.id.slice(0, 8))).rows.map((row) => row.id)).toContain(task.id);
    expect((await find("a-4711")).rows.map((row) => row.id)).toEqual([task.id]);
    expect((await find("%")).rows).toEqual([]);
  });
});
