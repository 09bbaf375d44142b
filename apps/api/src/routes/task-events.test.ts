import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { oneStep } from "../testing/fixtures.ts";
import { type TestApi, makeTestApi } from "../testing/test-api.ts";

let api: TestApi;
let address: string;
beforeAll(async () => {
  api = await makeTestApi();
  address = await api.app.listen({ host: "127.0.0.1", port: 0 });
});
afterAll(() => api.close());

const newTask = async () => (await api.call({ url: "/api/v1/tasks", body: oneStep, as: "client" })).json().id as string;
let seq = -1000;
const addEvent = async (taskId: string, type: string) => {
  seq += 1;
  const { rows } = await api.db.query<{ id: number }>(
    "INSERT INTO task_events (task_id, fence, seq, type, data) VALUES ($1, 1, $2, $3, '{\"n\":1}') RETURNING id",
    [taskId, seq, type],
  );
  return rows[0]?.id ?? 0;
};

/** Reads a stream until it ends; gives the events so far at any time. */
async function open(taskId: string, headers: Record<string, string> = {}) {
  const response = await fetch(`${address}/api/v1/tasks/${taskId}/events`, {
    headers: { authorization: `Bearer ${api.tokens.client}`, ...headers },
  });
  let text = "";
  const ended = (async () => {
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>)
      text += Buffer.from(chunk).toString();
  })();
  ended.catch(() => undefined);
  const events = () =>
    text
      .split("\n\n")
      .filter((block) => block.startsWith("id: "))
      .map((block) => {
        const [id, event, data] = block.split("\n").map((line) => line.slice(line.indexOf(": ") + 2));
        return { id: Number(id), event, data: JSON.parse(data ?? "") };
      });
  return { response, events, ended };
}

const until = async (holds: () => boolean) => {
  for (let tries = 0; !holds(); tries += 1) {
    if (tries > 500) throw new Error("did not come about in time");
    await sleep(10);
  }
};

test("events come as they happen, and the stream ends with the task", async () => {
  const id = await newTask();
  const stream = await open(id);
  expect(stream.response.headers.get("content-type")).toContain("text/event-stream");
  const eventId = await addEvent(id, "step_started");
  await until(() => stream.events().some((event) => event.id === eventId));
  expect(stream.events().find((event) => event.id === eventId)).toEqual({
    id: eventId,
    event: "step_started",
    data: { fence: 1, seq, type: "step_started", at: expect.any(String), data: { n: 1 } },
  });
  await api.call({ url: `/api/v1/tasks/${id}/cancel`, body: {}, as: "client" });
  await stream.ended;
});

test("Last-Event-ID resumes behind that event, nothing twice and nothing missed", async () => {
  const id = await newTask();
  const ids: number[] = [];
  for (let n = 0; n < 450; n += 1) ids.push(await addEvent(id, "step_done"));
  await api.call({ url: `/api/v1/tasks/${id}/cancel`, body: {}, as: "client" });
  const stream = await open(id, { "last-event-id": String(ids[9]) });
  await stream.ended;
  const seen = stream.events().map((event) => event.id);
  expect(seen.filter((one) => ids.includes(one))).toEqual(ids.slice(10));
});

test.each(["x", "-1", "1e5", "9".repeat(30)])("Last-Event-ID %s is a 422", async (lastId) => {
  const id = await newTask();
  const { response } = await open(id, { "last-event-id": lastId });
  expect(response.status).toBe(422);
});

test("an unknown task is a 404 before any stream begins", async () => {
  expect((await open(randomUUID())).response.status).toBe(404);
});

test("shutdown cuts the stream off, so that the reader knows that it has to resume", async () => {
  const own = await api.replica();
  const ownAddress = await own.listen({ host: "127.0.0.1", port: 0 });
  const id = await newTask();
  const response = await fetch(`${ownAddress}/api/v1/tasks/${id}/events`, {
    headers: { authorization: `Bearer ${api.tokens.client}` },
  });
  const reading = response.text();
  const broke = expect(reading).rejects.toThrow();
  const started = performance.now();
  await own.close();
  await broke;
  expect(performance.now() - started).toBeLessThan(15_000);
});
