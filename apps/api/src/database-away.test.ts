import { randomUUID } from "node:crypto";
import { openDatabase } from "@valet/db";
import type { FastifyInstance } from "fastify";
import { pino } from "pino";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { buildApp } from "./app.ts";
import { type DatabaseProxy, makeDatabaseProxy } from "./testing/database-proxy.ts";
import { oneStep } from "./testing/fixtures.ts";
import { type TestApi, makeTestApi } from "./testing/test-api.ts";

let api: TestApi;
let proxy: DatabaseProxy;
let app: FastifyInstance;
let closeDb: () => Promise<void>;
beforeAll(async () => {
  api = await makeTestApi();
  proxy = await makeDatabaseProxy(api.database.url);
  const db = openDatabase({ url: proxy.url, applicationName: "cut off", max: 5 });
  closeDb = () => db.close();
  app = await buildApp({ db, config: api.config, logger: pino({ level: "silent" }) });
  await app.ready();
});
afterEach(() => proxy.restore());
afterAll(async () => {
  proxy.restore();
  await app.close();
  await closeDb();
  await proxy.close();
  await api.close();
});

const call = (method: "GET" | "POST", url: string, payload?: object, headers: Record<string, string> = {}) =>
  app.inject({
    method,
    url,
    headers: { authorization: `Bearer ${api.tokens.admin}`, ...headers },
    ...(payload ? { payload } : {}),
  });

test("health is 503 and names the database while it is away, 200 again afterwards", async () => {
  expect((await call("GET", "/api/v1/health")).statusCode).toBe(200);
  proxy.cut();
  const away = await call("GET", "/api/v1/health");
  expect([away.statusCode, away.json().dependencies.database]).toEqual([503, "down"]);
  proxy.restore();
  expect((await call("GET", "/api/v1/health")).statusCode).toBe(200);
});

test("F30: with the database away a submission is a 503 that says so, and no task appears from elsewhere", async () => {
  const order = randomUUID();
  const submit = () => call("POST", "/api/v1/tasks", { ...oneStep, metadata: { order } }, { "idempotency-key": order });
  proxy.cut();
  const refused = await submit();
  expect([refused.statusCode, refused.json().error]).toEqual([503, "unavailable"]);
  expect(Number(refused.headers["retry-after"])).toBeGreaterThan(0);
  proxy.restore();
  const count = async () =>
    (
      await api.db.query<{ total: number }>("SELECT count(*) AS total FROM tasks WHERE metadata->>'order' = $1", [
        order,
      ])
    ).rows[0]?.total;
  expect(await count()).toBe(0);
  expect((await submit()).statusCode).toBe(201);
  expect((await submit()).statusCode).toBe(200);
  expect(await count()).toBe(1);
});

test.each([
  ["before the task is stored", null, "before"],
  ["before the commit", "COMMIT", "before"],
  ["after the commit, before its answer", "COMMIT", "after"],
] as const)("F30: cut off %s, the answer is 503 and the client's repeat gives one task", async (_, text, when) => {
  const order = randomUUID();
  const submit = () => call("POST", "/api/v1/tasks", { ...oneStep, metadata: { order } }, { "idempotency-key": order });
  // Statements may be prepared: what is sent each time is the task itself.
  proxy.cutAt(text ?? order, when);
  expect((await submit()).statusCode).toBe(503);
  proxy.restore();
  let again = await submit();
  for (let tries = 0; again.statusCode === 503 && tries < 20; tries += 1) again = await submit();
  expect(again.statusCode).toBe(when === "after" ? 200 : 201);
  const { rows } = await api.db.query<{ id: string }>("SELECT id FROM tasks WHERE metadata->>'order' = $1", [order]);
  expect(rows).toEqual([{ id: again.json().id }]);
});

test("every kind of request answers 503 in the one envelope, without a stack", async () => {
  proxy.cut();
  for (const [method, url] of [
    ["GET", "/api/v1/tasks"],
    ["GET", "/api/v1/admin/sandboxes"],
    ["GET", "/api/v1/admin/deploys/config"],
    ["POST", `/api/v1/admin/deploys/${randomUUID()}/trigger`],
  ] as const) {
    const answer = await call(method, url, method === "POST" ? {} : undefined);
    expect([answer.statusCode, answer.json().error], url).toEqual([503, "unavailable"]);
    expect(answer.body).not.toContain("ECONN");
  }
});
