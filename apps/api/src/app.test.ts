import { routes } from "@valet/contracts";
import { createLoginLink } from "@valet/db";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type TestApi, makeTestApi } from "./testing/test-api.ts";

let api: TestApi;
const logged: string[] = [];
beforeAll(async () => {
  api = await makeTestApi({ log: (line) => logged.push(line) });
});
afterAll(() => api.close());

describe("health", () => {
  test("names each dependency and the version, without login", async () => {
    const answer = await api.call({ url: "/api/v1/health", as: null });
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toMatchObject({
      status: "ok",
      service: "valet-api",
      version: "0.1.0",
      dependencies: { database: "ok", redis: "disabled" },
    });
  });
});

describe("OpenAPI", () => {
  test("is 3.1, names every route, and is rendered at /docs", async () => {
    const document = (await api.call({ url: "/api/v1/openapi.json", as: null })).json();
    expect(document.openapi).toBe("3.1.0");
    expect(Object.keys(document.paths)).toEqual(
      expect.arrayContaining(["/api/v1/tasks/{id}/why", "/api/v1/webhooks/ghosthands/deploy", "/api/v1/health"]),
    );
    for (const { method, path } of Object.values(routes)) {
      const described = document.paths[path.replace(/:([A-Za-z]+)/g, "{$1}")]?.[method.toLowerCase()];
      expect(described?.summary, `${method} ${path}`).toBeTruthy();
    }
    expect(document.paths["/api/v1/tasks"].post.requestBody.content["application/json"].schema.required).toContain(
      "steps",
    );
    const webhook = document.paths["/api/v1/webhooks/ghosthands/deploy"].post;
    expect(JSON.stringify(webhook.requestBody)).toContain("image_tag");
    expect(Object.keys(webhook.responses)).toEqual(["200", "4XX"]);
    const page = await api.call({ url: "/docs/", as: null });
    expect(page.statusCode).toBe(200);
    expect(page.headers["content-type"]).toContain("text/html");
  });
});

describe("who may do what", () => {
  test.each([
    [null, 401],
    ["no such token", 401],
    ["aaa.bbb.ccc", 401],
    ["client", 403],
    ["viewer", 200],
  ])("%s lists sandboxes: %i", async (as, status) => {
    expect((await api.call({ url: "/api/v1/admin/sandboxes", as })).statusCode).toBe(status);
  });

  test("a refusal is the one envelope, without a stack", async () => {
    const answer = await api.call({ url: "/api/v1/tasks", as: null });
    expect(answer.json()).toEqual({
      error: "unauthorized",
      message: expect.any(String),
      requestId: expect.stringMatching(/^req-/),
    });
    expect(answer.headers["www-authenticate"]).toContain("Bearer");
  });

  test("a token in the query is never logged", async () => {
    await api.call({ url: "/api/v1/nowhere?token=very-secret", as: null });
    expect(logged.join("")).not.toContain("very-secret");
  });
});

describe("login link", () => {
  test("is exchanged once for a session that the cookie carries", async () => {
    const { token } = await createLoginLink(api.db, { tenantId: "test", role: "admin", ttlMs: 60_000 });
    const exchange = () =>
      api.call({ url: "/api/v1/auth/login-link/exchange", as: null, body: { token: token.reveal() } });
    const first = await exchange();
    expect(first.statusCode).toBe(200);
    const cookie = String(first.headers["set-cookie"]);
    expect(cookie).toMatch(/^valet_session=[^;]+; Path=\/; HttpOnly; SameSite=Strict; Max-Age=43200$/);
    expect((await exchange()).statusCode).toBe(401);
    const me = await api.call({
      url: "/api/v1/auth/me",
      as: null,
      headers: { cookie: cookie.split(";")[0] ?? "" },
    });
    expect(me.json()).toEqual({ tenantId: "test", role: "admin", name: "dashboard", environment: "dev" });
    const bearer = await api.call({ url: "/api/v1/auth/me", as: first.json().token });
    expect(bearer.statusCode).toBe(200);
  });
});

test("the audit log is listed newest first and verified", async () => {
  const page = await api.call({ url: "/api/v1/admin/audit?sortOrder=asc" });
  expect(page.json().data[0]).toMatchObject({ action: "session.open" });
  expect((await api.call({ url: "/api/v1/admin/audit/verify" })).json()).toMatchObject({ intact: true });
});
