import { afterAll, beforeAll, expect, test } from "vitest";
import { type TestApi, makeTestApi } from "./testing/test-api.ts";

const web = "https://web.example";
let api: TestApi;
beforeAll(async () => {
  api = await makeTestApi({ env: { VALET_WEB_ORIGINS: `${web}, https://other.example` } });
});
afterAll(() => api.close());

const preflight = (origin: string) =>
  api.app.inject({
    method: "OPTIONS",
    url: "/api/v1/tasks",
    headers: { origin, "access-control-request-method": "POST", "access-control-request-headers": "authorization" },
  });

test("a listed origin may call with its token, without cookies", async () => {
  const asked = await preflight(web);
  expect(asked.statusCode).toBe(204);
  expect(asked.headers).toMatchObject({
    "access-control-allow-origin": web,
    "access-control-allow-headers": expect.stringContaining("authorization"),
  });
  expect(asked.headers["access-control-allow-credentials"]).toBeUndefined();
  const refused = await api.call({ url: "/api/v1/tasks", as: null, headers: { origin: web } });
  expect([refused.statusCode, refused.headers["access-control-allow-origin"]]).toEqual([401, web]);
});

test("any other origin is not let in", async () => {
  for (const origin of ["https://evil.example", "https://web.example.evil.example", "null"]) {
    const asked = await preflight(origin);
    expect(asked.headers["access-control-allow-origin"]).toBeUndefined();
    expect(asked.statusCode).toBe(404);
  }
});
