import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { promisify } from "node:util";
import { openSealed } from "@valet/contracts/node";
import { getSandbox, listAudit } from "@valet/db";
import { sandboxStates, sandboxTransitions } from "@valet/shared";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { addSandbox } from "../testing/fixtures.ts";
import { type TestApi, makeTestApi } from "../testing/test-api.ts";

const run = promisify(execFile);
const base = "/api/v1/admin/sandboxes";
let api: TestApi;
let address: string;
beforeAll(async () => {
  api = await makeTestApi();
  address = await api.app.listen({ host: "127.0.0.1", port: 0 });
});
afterAll(() => api.close());

describe("creating a sandbox", () => {
  test("answers its identity once; the database keeps a hash and a sealed key", async () => {
    const made = await addSandbox(api);
    const row = await getSandbox(api.db, made.id);
    expect(openSealed(api.config.VALET_SEAL_KEY, made.id, row?.sealedAgentKey ?? "")).toEqual({
      ok: true,
      value: made.agentKey,
    });
    const shown = await api.call({ url: `${base}/${made.id}` });
    expect(shown.body).not.toContain(made.token);
    expect(shown.body).not.toContain(made.agentKey);
    expect(shown.json()).toMatchObject({ status: "provisioning", state: "provisioning", sessionLive: false });
    expect(shown.json().slots).toHaveLength(2);
  });

  test("takes the guide's snake_case and `prod`", async () => {
    const answer = await api.call({
      url: base,
      body: {
        name: "guide",
        instance_id: "i-0guide",
        public_ip: "203.0.113.7",
        instance_type: "t3.xlarge",
        browser_engine: "adspower",
        capacity: 5,
        environment: "prod",
      },
    });
    expect(answer.statusCode).toBe(201);
    expect(answer.json()).toMatchObject({
      instanceId: "i-0guide",
      instanceType: "t3.xlarge",
      browserEngine: "adspower",
      environment: "production",
    });
  });

  test("answers 409 to a second one with the same instance id", async () => {
    const body = { name: "twice", environment: "dev", instanceId: "i-twice", publicIp: "127.0.0.1" };
    expect((await api.call({ url: base, body })).statusCode).toBe(201);
    const second = await api.call({ url: base, body });
    expect(second.statusCode).toBe(409);
    expect(second.json()).toMatchObject({ error: "conflict", message: expect.stringContaining("i-twice") });
  });

  test.each([
    ["capacity", 0],
    ["capacity", 101],
    ["capacity", "2"],
    ["environment", "qa"],
    ["instanceType", "m5.large"],
    ["browserEngine", "firefox"],
    ["agentPort", 70_000],
    ["name", ""],
    ["name", "x".repeat(101)],
    ["labels", { a: 1 }],
    ["token", "mine"],
  ])("names a wrong %s (%j)", async (field, value) => {
    const body = { name: "n", environment: "dev", instanceId: randomUUID(), publicIp: "127.0.0.1", [field]: value };
    const answer = await api.call({ url: base, body });
    expect(answer.statusCode).toBe(422);
    expect(answer.json().details[0].field).toMatch(new RegExp(`^${field}`));
  });
});

describe("moving a sandbox", () => {
  test("follows the transition table; an illegal move is a 409 that names both states", async () => {
    const { id } = await addSandbox(api);
    const patch = (status: string) => api.call({ method: "PATCH", url: `${base}/${id}`, body: { status } });
    let state: (typeof sandboxStates)[number] = "provisioning";
    for (const to of ["active", "deploying", "unhealthy", "stopped", "terminating", "terminated"] as const) {
      for (const wrong of sandboxStates.filter((s) => s !== state && !sandboxTransitions[state].includes(s))) {
        const refused = await patch(wrong);
        expect([refused.statusCode, refused.json().error]).toEqual([409, "illegal_transition"]);
        expect(refused.json().message).toContain(state);
        expect(refused.json().message).toContain(wrong);
      }
      if (to === "stopped" || sandboxTransitions[state].includes(to)) expect((await patch(to)).statusCode).toBe(200);
      state = to;
    }
  });

  test("F49: the guide's curl, which says it sends a form, changes the state", async () => {
    const { id } = await addSandbox(api);
    await api.call({ method: "PATCH", url: `${base}/${id}`, body: { status: "active" } });
    const { stdout } = await run("curl", [
      "-sf",
      "-X",
      "PATCH",
      `${address}${base}/${id}`,
      "-H",
      `Authorization: Bearer ${api.tokens.operator}`,
      "-d",
      '{"status": "deploying"}',
    ]);
    expect(JSON.parse(stdout)).toMatchObject({ id, status: "deploying" });
  });

  test("a form that is a form is malformed JSON, here and a 415 elsewhere", async () => {
    const { id } = await addSandbox(api);
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    const form = await api.call({ method: "PATCH", url: `${base}/${id}`, body: "status=active", headers });
    expect([form.statusCode, form.json().error]).toEqual([400, "malformed_json"]);
    const elsewhere = await api.call({ url: "/api/v1/tasks", body: "{}", headers });
    expect(elsewhere.statusCode).toBe(415);
  });

  test("leaves an audit row with who and what", async () => {
    const { id } = await addSandbox(api);
    await api.call({
      method: "PATCH",
      url: `${base}/${id}`,
      body: { status: "active", reason: "boot done" },
      as: "operator",
    });
    const { rows } = await listAudit(api.db, { page: 1, pageSize: 10, sortOrder: "desc", subject: id });
    expect(rows[0]).toMatchObject({
      actor: "operator:test/test operator",
      action: "sandbox.patch",
      data: { status: "active", reason: "boot done" },
    });
  });

  test("a refused change leaves nothing behind", async () => {
    const { id } = await addSandbox(api);
    const refused = await api.call({
      method: "PATCH",
      url: `${base}/${id}`,
      body: { name: "renamed", status: "deploying" },
    });
    expect(refused.statusCode).toBe(409);
    expect((await api.call({ url: `${base}/${id}` })).json().name).not.toBe("renamed");
  });
});

describe("cordons", () => {
  test("one operator never lifts another's", async () => {
    const { id } = await addSandbox(api);
    const cordon = (holder: string) => api.call({ url: `${base}/${id}/cordon`, body: { reason: "why", holder } });
    await cordon("ann");
    await cordon("bob");
    const lifted = await api.call({ url: `${base}/${id}/uncordon`, body: { holder: "ann" } });
    expect(lifted.json().cordons).toEqual([
      { holderKind: "operator", holderId: "bob", reason: "why", since: expect.any(String) },
    ]);
    const again = await api.call({ url: `${base}/${id}/uncordon`, body: { holder: "ann" } });
    expect(again.statusCode).toBe(409);
    expect(again.json().message).toContain("operator bob");
  });
});

describe("listing", () => {
  test("filters, searches, sorts and counts", async () => {
    const labels = { pool: randomUUID() };
    const a = await addSandbox(api, { name: "list-a", capacity: 1, environment: "staging", labels });
    const b = await addSandbox(api, { name: "list-b", capacity: 3, environment: "staging", labels });
    const page = await api.call({
      url: `${base}?environment=staging&search=LIST-&sortBy=capacity&sortOrder=asc&pageSize=1&page=2`,
    });
    expect(page.json().data.map((one: { id: string }) => one.id)).toEqual([b.id]);
    expect(page.json().pagination).toEqual({ page: 2, pageSize: 1, total: 2, totalPages: 2 });
    const none = await api.call({ url: `${base}?status=unhealthy&environment=staging` });
    expect(none.json()).toMatchObject({ data: [], pagination: { total: 0, totalPages: 0 } });
    expect(a.id).not.toBe(b.id);
  });
});

test("deleting begins to terminate", async () => {
  const { id } = await addSandbox(api);
  const answer = await api.call({ method: "DELETE", url: `${base}/${id}` });
  expect(answer.json()).toMatchObject({ status: "terminating", stateReason: "deleted by test admin" });
  expect((await api.call({ method: "DELETE", url: `${base}/${id}`, as: "operator" })).statusCode).toBe(403);
});
