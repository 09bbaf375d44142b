import { randomUUID } from "node:crypto";
import { type Route, type RouteName, routes } from "@valet/contracts";
import { z } from "zod";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type TestApi, makeTestApi } from "./testing/test-api.ts";
import { addSandbox } from "./testing/fixtures.ts";

let api: TestApi;
let sandboxToken: string;
beforeAll(async () => {
  api = await makeTestApi();
  sandboxToken = (await addSandbox(api)).token;
});
afterAll(() => api.close());

const all = Object.entries(routes) as [RouteName, Route][];
const guarded = all.filter(([, route]) => Array.isArray(route.access) || route.access === "sandbox");
const withBody = all.filter(([, route]) => route.body);
const withQuery = all.filter(([, route]) => route.query);

/** Any ids, well formed and unknown. */
function urlOf(route: Route, ids: Record<string, string> = {}): string {
  const known: Record<string, string> = { fence: "1", environment: "dev", ...ids };
  return route.path.replace(/:([A-Za-z]+)/g, (_, name: string) => known[name] ?? randomUUID());
}
function holderOf(route: Route): string | null {
  if (route.access === "sandbox") return sandboxToken;
  return Array.isArray(route.access) ? "admin" : null;
}
const call = (
  route: Route,
  rest: { url?: string; body?: unknown; headers?: Record<string, string>; as?: string | null },
) => api.call({ method: route.method, url: rest.url ?? urlOf(route), as: holderOf(route), ...rest });

function expectRefusal(answer: Awaited<ReturnType<typeof call>>, status: number, code: string) {
  const body = answer.json();
  expect([answer.statusCode, body.error], answer.body).toEqual([status, code]);
  expect(body.message).toMatch(/[a-z]/);
  expect(body.requestId).toMatch(/^req-/);
  expect(answer.body).not.toMatch(/\bat .*\.(ts|js):\d+|node_modules/);
}

describe("every guarded endpoint", () => {
  test.each(guarded)("%s answers 401 without a token and to a wrong one", async (_, route) => {
    const body = route.body ? {} : undefined;
    for (const as of [null, "wrong"]) expectRefusal(await call(route, { as, body }), 401, "unauthorized");
  });

  test.each(guarded)("%s answers 403 to a role that may not", async (_, route) => {
    const body = route.body ? {} : undefined;
    const roles = ["client", "viewer", "operator", "admin"].filter(
      (role) => !([...route.access] as string[]).includes(role),
    );
    if (route.access !== "sandbox") roles.push(sandboxToken);
    for (const as of roles)
      expectRefusal(
        await call(route, { as, body }),
        as === sandboxToken ? 401 : 403,
        as === sandboxToken ? "unauthorized" : "forbidden",
      );
  });
});

describe("every endpoint with an id", () => {
  const withId = all.filter(([, route]) => route.params && route.path.includes(":id"));
  test.each(withId)("%s refuses an id that is none", async (_, route) => {
    const body = route.body ? {} : undefined;
    for (const id of ["1", "x'; DROP TABLE tasks;--", "%00", "a".repeat(250)]) {
      const answer = await call(route, { url: urlOf(route, { id: encodeURIComponent(id) }), body });
      expect([400, 404, 422], answer.body).toContain(answer.statusCode);
    }
    expectRefusal(await call(route, { url: urlOf(route, { id: "1" }), body }), 422, "validation");
  });

  const users = withId.filter(
    ([name, route]) => route.access !== "sandbox" && name !== "reviewTask" && name !== "cordonSandbox",
  );
  test.each(users)("%s answers 404 to an unknown id", async (_, route) => {
    const body = route.body ? {} : undefined;
    expectRefusal(await call(route, { body }), 404, "not_found");
  });
  test("reviewTask and cordonSandbox answer 404 to an unknown id", async () => {
    expectRefusal(await call(routes.reviewTask, { body: { decision: "failed" } }), 404, "not_found");
    expectRefusal(await call(routes.cordonSandbox, { body: { reason: "x" } }), 404, "not_found");
  });
});

describe("every endpoint with a body", () => {
  test.each(withBody)("%s refuses malformed JSON", async (_, route) => {
    for (const body of ["{", '{"a":}', "\u0000", "{'a':1}"])
      expectRefusal(await call(route, { body }), 400, "malformed_json");
  });
  test.each(withBody)("%s refuses what is no object", async (_, route) => {
    for (const body of ["[]", '"text"', "7", "true"]) expectRefusal(await call(route, { body }), 422, "validation");
  });
  test.each(withBody)("%s refuses another content type", async (_, route) => {
    for (const type of ["text/plain", "application/xml", "multipart/form-data; boundary=x"]) {
      const answer = await call(route, { body: "{}", headers: { "content-type": type } });
      expectRefusal(answer, 415, "unsupported_media_type");
    }
  });
  test.each(withBody)("%s refuses a body beyond its limit", async (_, route) => {
    const body = JSON.stringify({ padding: "x".repeat(10_485_760) });
    expectRefusal(await call(route, { body }), 413, "body_too_large");
  });
  const strict = withBody.filter(([name]) => !["permit", "acknowledge"].includes(name));
  test.each(strict)("%s names a field it does not know", async (_, route) => {
    const answer = await call(route, { body: { noSuchField: 1 } });
    expectRefusal(answer, 422, "validation");
    expect(answer.json().details).toEqual(expect.arrayContaining([expect.objectContaining({ field: "noSuchField" })]));
  });
  test.each(withBody)("%s refuses __proto__", async (_, route) => {
    const answer = await call(route, { body: '{"__proto__":{"isAdmin":true}}' });
    expectRefusal(answer, 422, "validation");
  });
  test.each(withBody)("%s names each required field that is missing", async (_, route) => {
    const json = z.toJSONSchema(route.body as z.ZodType, { io: "input", unrepresentable: "any" });
    const required = (json.required ?? []) as string[];
    if (required.length === 0) return;
    const answer = await call(route, { body: {} });
    expectRefusal(answer, 422, "validation");
    const fields = answer.json().details.map((detail: { field: string }) => detail.field);
    for (const field of required) expect(fields).toContain(field);
  });
});

const badQueries: Partial<Record<RouteName, Record<string, string>>> = {
  assignments: { waitMs: "-1", planRevision: "x" },
  agentCommands: { waitMs: "-1" },
  compareReleases: { from: "", to: "" },
};

describe("every endpoint with a query", () => {
  test.each(withQuery)("%s refuses bad values and names them", async (name, route) => {
    const bad = badQueries[name] ?? { page: "0", pageSize: "5000" };
    for (const [field, value] of Object.entries(bad)) {
      const answer = await call(route, { url: `${urlOf(route)}?${field}=${value}` });
      expectRefusal(answer, 422, "validation");
      expect(answer.json().details.map((detail: { field: string }) => detail.field)).toContain(field);
    }
  });
  // A sandbox may be newer than its API: what it adds to a query is let through.
  const lists = withQuery.filter(([, route]) => route.access !== "sandbox");
  test.each(lists)("%s refuses a key it does not know, and a search that is too long", async (_, route) => {
    expectRefusal(await call(route, { url: `${urlOf(route)}?noSuchKey=1` }), 422, "validation");
    expectRefusal(await call(route, { url: `${urlOf(route)}?search=${"x".repeat(201)}` }), 422, "validation");
  });

  const sorted = lists.filter(
    ([name, { query }]) => name !== "listAudit" && query instanceof z.ZodObject && "page" in query.shape,
  );
  test.each(sorted)("F51: %s sorts by its allow-list only", async (_, route) => {
    for (const sortBy of [
      "id;DROP TABLE tasks",
      "(select 1)",
      "created_at",
      "token_hash",
      "constructor",
      "__proto__",
    ]) {
      const answer = await call(route, { url: `${urlOf(route)}?sortBy=${encodeURIComponent(sortBy)}` });
      expectRefusal(answer, 422, "validation");
      expect(answer.json().details[0].field).toBe("sortBy");
    }
    for (const sortOrder of ["desc; SELECT 1", "DESC", ""])
      expectRefusal(
        await call(route, { url: `${urlOf(route)}?sortOrder=${encodeURIComponent(sortOrder)}` }),
        422,
        "validation",
      );
  });
});

describe("what no route serves", () => {
  test.each([
    ["GET", "/api/v1/nowhere"],
    ["DELETE", "/api/v1/tasks"],
    ["PUT", "/api/v1/admin/sandboxes"],
    ["POST", "/"],
  ] as const)("%s %s is a 404 in the one envelope", async (method, url) => {
    expectRefusal(await api.call({ method, url }), 404, "not_found");
  });

  test("a path that cannot be decoded is a 400", async () => {
    const answer = await api.call({ url: "/api/v1/tasks/%ff%fe" });
    expect([400, 404]).toContain(answer.statusCode);
    expect(answer.body).not.toContain("stack");
  });
});
