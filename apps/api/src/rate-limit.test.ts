import { afterAll, beforeAll, expect, test } from "vitest";
import { addSandbox } from "./testing/fixtures.ts";
import { type TestApi, makeTestApi } from "./testing/test-api.ts";

let api: TestApi;
beforeAll(async () => {
  api = await makeTestApi({ env: { VALET_RATE_LIMIT_PER_MINUTE: "20" } });
});
afterAll(() => api.close());

test("one token's budget is its own: 429 with Retry-After, and others go on", async () => {
  const statuses = [];
  for (let n = 0; n < 25; n += 1) statuses.push((await api.call({ url: "/api/v1/auth/me", as: "client" })).statusCode);
  expect(statuses.filter((status) => status === 200)).toHaveLength(20);
  const limited = await api.call({ url: "/api/v1/auth/me", as: "client" });
  expect([limited.statusCode, limited.json().error]).toEqual([429, "rate_limited"]);
  expect(Number(limited.headers["retry-after"])).toBeGreaterThan(0);
  expect((await api.call({ url: "/api/v1/auth/me", as: "viewer" })).statusCode).toBe(200);
});

test("sandbox sessions and health are not counted", async () => {
  const sandbox = await addSandbox(api);
  for (let n = 0; n < 40; n += 1) {
    expect((await api.call({ url: "/api/v1/health", as: null })).statusCode).toBe(200);
    const body = { bootId: "b", version: "1", wire: { min: 1, max: 1 } };
    expect((await api.call({ url: "/api/v1/sandbox/session", as: sandbox.token, body })).statusCode).toBe(201);
  }
});

test("an address that guesses tokens is told 429, and its good token still works", async () => {
  const guesses = [];
  for (let n = 0; n < 130; n += 1)
    guesses.push((await api.call({ url: "/api/v1/auth/me", as: `guess-${n}` })).statusCode);
  expect(guesses[0]).toBe(401);
  expect(guesses.at(-1)).toBe(429);
  expect((await api.call({ url: "/api/v1/auth/me", as: "operator" })).statusCode).toBe(200);
});
