import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { oneStep } from "../testing/fixtures.ts";
import { type TestApi, makeTestApi, serviceSecret } from "../testing/test-api.ts";
import { addWorkingSandbox, assign } from "../testing/working-sandbox.ts";

const url = "/api/v1/webhooks/ghosthands";
let api: TestApi;
beforeAll(async () => {
  api = await makeTestApi();
});
afterAll(() => api.close());

const send = (body: unknown, key: string | null = serviceSecret) =>
  api.call({ url, as: null, body, headers: key === null ? {} : { "x-gh-service-key": key } });
const callback = (overrides: Record<string, unknown> = {}) => ({
  job_id: "job-1",
  valet_task_id: randomUUID(),
  status: "completed",
  ...overrides,
});

test("a wrong or missing service key is a 401, an unknown task a 404", async () => {
  expect((await send(callback(), null)).statusCode).toBe(401);
  for (const key of ["wrong", `${serviceSecret}x`, serviceSecret.slice(1)])
    expect((await send(callback(), key)).statusCode).toBe(401);
  expect((await send(callback())).statusCode).toBe(404);
});

test("503 when no key is configured", async () => {
  const bare = await makeTestApi({ env: { GH_SERVICE_SECRET: "" } });
  expect((await bare.call({ url, as: null, body: callback() })).statusCode).toBe(503);
  await bare.close();
});

test.each([
  ["valet_task_id", "7"],
  ["valet_task_id", undefined],
  ["status", "exploded"],
  ["job_id", 7],
  ["job_id", "x".repeat(201)],
  ["result_data", "text"],
])("a wrong %s (%j) is a 400 that names it", async (field, value) => {
  const answer = await send(callback({ [field]: value }));
  expect([answer.statusCode, answer.json().details[0].field]).toEqual([400, field]);
});

test("malformed JSON is a 400", async () => {
  expect((await send("{")).json().error).toBe("malformed_json");
});

test("moves the task that runs: handed to a person, back, done", async () => {
  const sandbox = await addWorkingSandbox(api);
  const { id } = (await api.call({ url: "/api/v1/tasks", body: oneStep, as: "client" })).json();
  await assign(api);
  const [assignment] = (await sandbox.poll()).assignments;
  if (!assignment) throw new Error("not assigned");
  const { taskId, fence, leaseId } = assignment;
  await sandbox.call("acknowledge", { taskId, fence, leaseId });
  const state = async () => (await api.call({ url: `/api/v1/tasks/${id}` })).json().state;
  const report = async (status: string, more: Record<string, unknown> = {}) => {
    const answer = await send(callback({ valet_task_id: id, status, ...more }));
    expect([answer.statusCode, answer.json()]).toEqual([200, { received: true }]);
  };
  await report("needs_human", { result_summary: "solve the captcha" });
  expect(await state()).toBe("needs_human");
  await report("resumed");
  expect(await state()).toBe("running");
});
