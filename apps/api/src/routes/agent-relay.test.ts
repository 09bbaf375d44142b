import { randomUUID } from "node:crypto";
import { askThroughRelay, takeRelayAnswer } from "@valet/db";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type TestSandbox, addSandbox } from "../testing/fixtures.ts";
import { type TestApi, makeTestApi } from "../testing/test-api.ts";

let api: TestApi;
let sandbox: TestSandbox;
let other: TestSandbox;
beforeAll(async () => {
  api = await makeTestApi();
  sandbox = await addSandbox(api);
  other = await addSandbox(api);
});
afterAll(() => api.close());

const signed = { timestamp: "1", nonce: "nonce-of-one-request", signature: `sha256=${"0".repeat(64)}` };
const request = { method: "POST", path: "/fence", signed, body: '{"epoch":1}' };
const ask = (sandboxId = sandbox.id, usableForMs = 5_000) =>
  askThroughRelay(api.db, { sandboxId, request, usableForMs });
const poll = (waitMs: number, as = sandbox.token) =>
  api.call({ url: `/api/v1/sandbox/agent/commands?waitMs=${waitMs}`, as });
const answer = (id: string, as = sandbox.token) =>
  api.call({ url: "/api/v1/sandbox/agent/answers", as, body: { answers: [{ id, status: 200, signed, body: "{}" }] } });

describe("commands for an agent that dials out", () => {
  test("nobody waits for an agent that has not dialled in", async () => {
    expect(await ask()).toBeUndefined();
  });

  test("wake its long-poll at once, on another replica too, and are handed out once, byte for byte", async () => {
    await poll(0);
    const replica = await api.replica();
    const waiting = replica.inject({
      url: "/api/v1/sandbox/agent/commands?waitMs=20000",
      headers: { authorization: `Bearer ${sandbox.token}` },
    });
    const startedMs = performance.now();
    const id = await ask();
    expect((await waiting).json()).toEqual({ commands: [{ id, ...request }] });
    expect(performance.now() - startedMs).toBeLessThan(10_000);
    expect((await poll(0)).json()).toEqual({ commands: [] });
  });

  test("are seen by this sandbox's agent alone, and answered by it alone", async () => {
    await poll(0);
    const id = await ask();
    expect((await poll(0, other.token)).json()).toEqual({ commands: [] });
    expect((await answer(id ?? "", other.token)).json()).toEqual({ taken: 0 });
    expect((await poll(0)).json().commands).toHaveLength(1);
    expect((await answer(id ?? "")).json()).toEqual({ taken: 1 });
    expect((await answer(id ?? "")).json()).toEqual({ taken: 0 });
    expect(await takeRelayAnswer(api.db, id ?? "")).toEqual({ status: 200, signed, body: "{}" });
    expect(await takeRelayAnswer(api.db, id ?? "")).toBeUndefined();
  });

  test("expire: one that nobody waits for any more is neither handed out nor answered", async () => {
    await poll(0);
    const id = await ask(sandbox.id, 0);
    expect((await poll(0)).json()).toEqual({ commands: [] });
    expect((await answer(id ?? "")).json()).toEqual({ taken: 0 });
  });

  test("are nothing for people's tokens, and an answer to nothing is dropped", async () => {
    expect((await poll(0, "admin")).statusCode).toBe(403);
    expect((await answer(randomUUID(), "operator")).statusCode).toBe(403);
    expect((await answer(randomUUID())).json()).toEqual({ taken: 0 });
  });
});
