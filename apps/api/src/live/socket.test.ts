import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { appendLiveEvents } from "@valet/db";
import { WebSocket } from "ws";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type TestApi, makeTestApi } from "../testing/test-api.ts";

let api: TestApi;
let address: string;
const logged: string[] = [];
beforeAll(async () => {
  api = await makeTestApi({ log: (line) => logged.push(line), env: { LOG_LEVEL: "debug" } });
  address = (await api.app.listen({ host: "127.0.0.1", port: 0 })).replace("http", "ws");
});
afterAll(() => api.close());

interface Live {
  messages: Record<string, unknown>[];
  closed: Promise<number>;
  socket: WebSocket;
  opened: Promise<void>;
  has(taskId: string): Promise<void>;
}
function connect(options: {
  protocols?: string[];
  query?: string;
  first?: unknown;
  at?: string;
  headers?: Record<string, string>;
}): Live {
  const socket = new WebSocket(`${options.at ?? address}/api/v1/ws${options.query ?? ""}`, options.protocols ?? [], {
    headers: options.headers ?? {},
  });
  const messages: Record<string, unknown>[] = [];
  socket.on("message", (data) => messages.push(JSON.parse(String(data))));
  const opened = new Promise<void>((resolve, reject) => {
    socket.once("open", () => {
      if (options.first !== undefined) socket.send(JSON.stringify(options.first));
      resolve();
    });
    socket.once("error", reject);
  });
  const closed = new Promise<number>((resolve) => socket.once("close", resolve));
  const has = (taskId: string) => until(() => messages.some((message) => message.taskId === taskId));
  return { messages, closed, socket, opened, has };
}
async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; !holds(); tries += 1) {
    if (tries > 3_000) throw new Error("did not come about in time");
    await sleep(10);
  }
}
/** A live event of a task; answers its id. */
async function tell(audience = "test", taskId = randomUUID()) {
  await appendLiveEvents(api.db, [
    { type: "task_update", audience, payload: { taskId, status: "running", sandboxId: null } },
  ]);
  const { rows } = await api.db.query<{ id: number }>("SELECT id FROM live_events WHERE payload->>'taskId' = $1", [
    taskId,
  ]);
  return { taskId, eventId: rows[0]?.id ?? 0 };
}

describe("who may listen", () => {
  test.each([
    ["as subprotocol", () => ({ protocols: [`valet.token.${api.tokens.admin}`] })],
    ["as subprotocol beside valet.live", () => ({ protocols: ["valet.live", `valet.token.${api.tokens.admin}`] })],
    ["as first message", () => ({ first: { type: "auth", token: api.tokens.admin } })],
    ["in the query", () => ({ query: `?token=${api.tokens.admin}` })],
    ["in the header", () => ({ headers: { authorization: `Bearer ${api.tokens.admin}` } })],
  ])("a token %s opens the socket", async (_, options) => {
    const live = connect(options());
    await live.opened;
    await sleep(50);
    const { taskId, eventId } = await tell();
    await live.has(taskId);
    expect(live.messages.find((message) => message.taskId === taskId)).toEqual({
      eventId,
      type: "task_update",
      taskId,
      status: "running",
      sandboxId: null,
    });
    live.socket.close();
  });

  test.each([
    ["a wrong one as subprotocol", { protocols: ["valet.token.wrong"] }],
    ["a wrong one in the query", { query: "?token=wrong" }],
    ["a wrong first message", { first: { type: "auth", token: "wrong" } }],
    ["a first message that is none", { first: { type: "resume", lastEventId: 0 } }],
  ])("%s is closed with 4001", async (_, options) => {
    expect(await connect(options).closed).toBe(4001);
  });

  test("a session cookie counts from our own pages only", async () => {
    const cookie = `valet_session=${api.app.jwt.sign({ tenantId: "test", role: "admin", name: "x" }, { expiresIn: 60 })}`;
    const foreign = connect({ headers: { cookie, origin: "https://evil.example" }, first: { type: "ping" } });
    expect(await foreign.closed).toBe(4001);
    const own = connect({ headers: { cookie, origin: address.replace("ws", "http") }, first: { type: "ping" } });
    await until(() => own.messages.some((message) => message.type === "pong"));
    own.socket.close();
  });

  test("a token is never logged", () => {
    for (const token of Object.values(api.tokens)) expect(logged.join("")).not.toContain(token);
  });
});

test("a client hears of its own tenant's tasks only", async () => {
  const client = connect({ first: { type: "auth", token: api.tokens.client, lastEventId: 0 } });
  const other = connect({ first: { type: "auth", token: api.tokens.other, lastEventId: 0 } });
  await Promise.all([client.opened, other.opened]);
  const mine = await tell("test");
  const theirs = await tell("other");
  const admins = await tell("admin");
  await Promise.all([client.has(mine.taskId), other.has(theirs.taskId)]);
  await sleep(100);
  const seen = (live: Live) => live.messages.map((message) => message.taskId);
  expect(seen(client)).not.toContain(theirs.taskId);
  expect(seen(client)).not.toContain(admins.taskId);
  expect(seen(other)).not.toContain(mine.taskId);
  client.socket.close();
  other.socket.close();
});

describe("resuming", () => {
  test("after the last event id gives what was missed, in order, each once, then goes on live", async () => {
    const before = await tell();
    const missed = [];
    for (let n = 0; n < 30; n += 1) missed.push(await tell());
    const live = connect({ first: { type: "auth", token: api.tokens.viewer, lastEventId: before.eventId } });
    await live.opened;
    const during = await Promise.all([tell(), tell(), tell()]);
    for (const { taskId } of [...missed, ...during]) await live.has(taskId);
    const ids = live.messages.map((message) => message.eventId);
    expect(ids.slice(0, 30)).toEqual(missed.map((event) => event.eventId));
    expect(new Set(ids).size).toBe(ids.length);
    live.socket.close();
  });

  test("works on another replica, and after a restart, which know nothing of the client", async () => {
    const before = await tell();
    const missed = await tell();
    const replica = await api.replica();
    const at = (await replica.listen({ host: "127.0.0.1", port: 0 })).replace("http", "ws");
    const live = connect({
      at,
      query: `?lastEventId=${before.eventId}`,
      protocols: [`valet.token.${api.tokens.admin}`],
    });
    await live.has(missed.taskId);
    const later = await tell();
    await live.has(later.taskId);
    live.socket.close();
  });

  test("gives what was committed late, under a smaller id than the last one seen, on a replica that heard of neither", async () => {
    const late = randomUUID();
    const payload = { taskId: late, status: "running", sandboxId: null };
    const seen = await api.db.tx(async (tx) => {
      await appendLiveEvents(tx, [{ type: "task_update", audience: "test", payload }]);
      return tell();
    });
    const replica = await api.replica();
    const at = (await replica.listen({ host: "127.0.0.1", port: 0 })).replace("http", "ws");
    const live = connect({ at, first: { type: "auth", token: api.tokens.client, lastEventId: seen.eventId } });
    await live.has(late);
    const next = await tell();
    await live.has(next.taskId);
    const tasks = live.messages.map((message) => message.taskId);
    expect(new Set(tasks).size).toBe(tasks.length);
    expect(tasks).not.toContain(seen.taskId);
    live.socket.close();
  });

  test("a gap that is no longer kept is answered with reset", async () => {
    const live = connect({ first: { type: "auth", token: api.tokens.admin, lastEventId: 999_999_999 } });
    await until(() => live.messages.length > 0);
    expect(live.messages[0]).toEqual({ type: "reset", eventId: 0 });
    const { eventId } = await tell();
    await api.db.query("DELETE FROM live_events WHERE id < $1", [eventId]);
    const restarted = await api.replica();
    const at = (await restarted.listen({ host: "127.0.0.1", port: 0 })).replace("http", "ws");
    const old = connect({ at, first: { type: "auth", token: api.tokens.admin, lastEventId: 1 } });
    await until(() => old.messages.length > 0);
    expect(old.messages[0]).toEqual({ type: "reset", eventId: 0 });
    live.socket.close();
    old.socket.close();
  });

  test("a client may ask to resume later, on the open socket", async () => {
    const before = await tell();
    const missed = await tell();
    const live = connect({ first: { type: "auth", token: api.tokens.admin } });
    await live.opened;
    live.socket.send(JSON.stringify({ type: "resume", lastEventId: before.eventId }));
    await live.has(missed.taskId);
    live.socket.close();
  });
});

test("rubbish on the socket harms nobody", async () => {
  const live = connect({ first: { type: "auth", token: api.tokens.admin } });
  await live.opened;
  for (const rubbish of ["", "{", "[]", "null", '{"type":"resume","lastEventId":"x"}', '{"type":"drop"}'])
    live.socket.send(rubbish);
  live.socket.send(JSON.stringify({ type: "ping" }));
  await until(() => live.messages.some((message) => message.type === "pong"));
  live.socket.send("x".repeat(100_000));
  expect(await live.closed).toBe(1009);
});

test("notifications that a broken LISTEN connection missed arrive all the same", async () => {
  const live = connect({ first: { type: "auth", token: api.tokens.admin } });
  await live.opened;
  await sleep(50);
  await api.db.query(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE '% listen' AND datname = current_database()",
  );
  const { taskId } = await tell();
  await live.has(taskId);
  live.socket.close();
});

test("shutdown closes every socket with 1001 and long-polls are not in its way", async () => {
  const replica = await api.replica();
  const at = (await replica.listen({ host: "127.0.0.1", port: 0 })).replace("http", "ws");
  const live = connect({ at, first: { type: "auth", token: api.tokens.admin } });
  const silent = connect({ at });
  const stuck = connect({ at });
  await Promise.all([live.opened, silent.opened, stuck.opened]);
  stuck.socket.pause();
  const started = performance.now();
  await replica.close();
  expect(await live.closed).toBe(1001);
  expect(await silent.closed).toBe(1001);
  expect(performance.now() - started).toBeLessThan(15_000);
});
