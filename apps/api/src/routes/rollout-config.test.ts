import { listAudit } from "@valet/db";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type TestApi, makeTestApi } from "../testing/test-api.ts";
import { addSandbox } from "../testing/fixtures.ts";
import { deployReady, sendWebhook } from "../testing/webhook.ts";

const url = "/api/v1/admin/rollout-config/staging";
let api: TestApi;
beforeAll(async () => {
  api = await makeTestApi({ env: { VALET_ROLLOUT_DEFAULTS: '{"minHealthyMs":250,"maxParallel":4}' } });
});
afterAll(() => api.close());
beforeEach(() => api.db.query("TRUNCATE environment_configs, deploys, sandboxes CASCADE"));

const yaml = (staging: string): string =>
  `version: 1\nenvironments:\n  staging:\n${staging.replace(/^/gm, "    ")}\n  production:\n    approvals: 2\n`;
const put = (staging: string, expectedVersion = 0, as = "admin") =>
  api.call({ method: "PUT", url, as, body: { source: yaml(staging), expectedVersion, reason: "try it" } });

describe("an environment's rollout.yml", () => {
  test("is absent at first: version 0 and the installation's defaults", async () => {
    const answer = (await api.call({ url, as: "viewer" })).json();
    expect(answer).toMatchObject({ environment: "staging", version: 0, source: "", createdBy: null, freeze: null });
    expect(answer.effective.ghosthands.knobs).toMatchObject({ strategy: "rolling", minHealthyMs: 250, maxParallel: 4 });
  });

  test("is stored with its text, and read with what it comes to for each service", async () => {
    const answer = await put(
      "# two at a time\napprovals: 1\ndefaults: { maxParallel: 2 }\nservices:\n  ghosthands: { strategy: canary }\n  agent: { mayOverlap: false }",
    );
    expect(answer.statusCode, answer.body).toBe(200);
    const view = (await api.call({ url })).json();
    expect(view).toEqual(answer.json());
    expect(view).toMatchObject({ version: 1, createdBy: "admin:test/test admin", config: { approvals: 1 } });
    expect(view.source).toContain("# two at a time");
    expect(view.effective.ghosthands.knobs).toMatchObject({ strategy: "canary", maxParallel: 2, minHealthyMs: 250 });
    expect(view.effective.agent.knobs).toMatchObject({
      order: "stop-first",
      maxUnavailable: 1,
      drainDeadlineAction: "pause",
    });
    const audit = await listAudit(api.db, { page: 1, pageSize: 1, sortOrder: "desc" });
    expect(audit.rows[0]).toMatchObject({
      action: "rollout_config.put",
      subject: "staging",
      data: { version: 1, reason: "try it" },
    });
  });

  test("is JSON too", async () => {
    const source = JSON.stringify({ version: 1, environments: { staging: { defaults: { maxParallel: "25%" } } } });
    const answer = await api.call({ method: "PUT", url, body: { source, expectedVersion: 0 } });
    expect(answer.json().effective.ghosthands.knobs.maxParallel).toBe("25%");
  });

  test("goes to admins only; viewers and operators read, operators check", async () => {
    expect((await put("approvals: 1", 0, "operator")).statusCode).toBe(403);
    expect(
      (await api.call({ url: `${url}/validate`, as: "operator", body: { source: yaml("approvals: 1") } })).statusCode,
    ).toBe(200);
    expect((await api.call({ url, as: "client" })).statusCode).toBe(403);
  });

  test("F18: of two who put at once one wins, and the other is told whose version is there now", async () => {
    const answers = await Promise.all([put("approvals: 1"), put("approvals: 2"), put("approvals: 3")]);
    expect(answers.map((answer) => answer.statusCode).sort()).toEqual([200, 409, 409]);
    const refused = answers.find((answer) => answer.statusCode === 409)?.json();
    expect(refused).toMatchObject({ error: "conflict" });
    expect(refused.message).toContain("is at version 1 now, put by admin:test/test admin, not at 0");
    expect((await api.call({ url })).json().version).toBe(1);
  });

  test.each([
    ["maxParallel: 0", "environments.staging.services.ghosthands.maxParallel", "line 6, column 22: must be at least 1"],
    [
      "maxParalel: 1",
      "environments.staging.services.ghosthands.maxParalel",
      "line 6, column 9: there is no such key; allowed here: strategy",
    ],
    [
      "canarySteps: [{hosts: 2, bakeMs: 0}, {hosts: 1, bakeMs: 0}]",
      "environments.staging.services.ghosthands.canarySteps.1.hosts",
      "must not be fewer than the step before it (2)",
    ],
    ["analysis: { alpha: 2 }", "environments.staging.services.ghosthands.analysis.alpha", "must be at most 0.5"],
  ])("refuses %s, naming the key, its line and what is allowed", async (knob, field, message) => {
    const answer = await put(`services:\n  ghosthands:\n    ${knob}`);
    expect([answer.statusCode, answer.json().error]).toEqual([422, "validation"]);
    expect(answer.json().details[0].field).toBe(field);
    expect(answer.json().details[0].message).toContain(message);
    expect((await api.call({ url })).json().version).toBe(0);
  });

  test("refuses what is no YAML, and a file that does not name the environment", async () => {
    const broken = await api.call({ method: "PUT", url, body: { source: "version: [", expectedVersion: 0 } });
    expect([broken.statusCode, broken.json().details[0].field]).toEqual([422, "source"]);
    expect(broken.json().message).toMatch(/line 1, column \d+: is not YAML/);
    const other = await api.call({
      method: "PUT",
      url,
      body: { source: "version: 1\nenvironments: { dev: {} }", expectedVersion: 0 },
    });
    expect(other.json().message).toBe("environments: has no staging; it names dev");
    const long = await api.call({ method: "PUT", url, body: { source: "#".repeat(65_537), expectedVersion: 0 } });
    expect([long.statusCode, long.json().details[0].field]).toEqual([422, "source"]);
  });

  test("is checked against the fleet without being stored", async () => {
    await addSandbox(api, { environment: "staging" });
    const source = yaml("services:\n  ghosthands: { strategy: canary }\n  agent: { strategy: canary }");
    const answer = (await api.call({ url: `${url}/validate`, body: { source } })).json();
    const whole = "the first canary step is the whole fleet (1 host): no task is left to compare with";
    expect(answer.warnings).toEqual([`ghosthands: ${whole}`, `agent: ${whole}`]);
    expect(answer.currentVersion).toBe(0);
    expect((await api.call({ url })).json().version).toBe(0);
  });

  test.each([
    [
      "services:\n  agent:\n    strategy: canary\n    canarySteps: [{hosts: 3, bakeMs: 0}]",
      "environments.staging.services.agent.canarySteps.0.hosts",
      "must be at most 1: there are no more hosts",
    ],
    [
      "defaults: { order: stop-first, maxUnavailable: 10% }",
      "environments.staging.defaults.maxUnavailable",
      "10% of 1 host is none, and stop-first takes one out of service: must be at least 1",
    ],
  ])("is refused where the fleet is too small for %j, and nothing is stored", async (staging, field, message) => {
    const before = await put(staging);
    expect([before.statusCode, before.body]).toEqual([200, expect.stringContaining('"version":1')]);
    await addSandbox(api, { environment: "staging" });
    const answer = await put(staging, 1);
    expect([answer.statusCode, answer.json().error]).toEqual([422, "validation"]);
    expect(answer.json().details[0]).toMatchObject({ field, message });
    expect(answer.json().message).toContain("(staging has 1 host)");
    const checked = await api.call({ url: `${url}/validate`, body: { source: yaml(staging) } });
    expect([checked.statusCode, checked.json().details[0].field]).toEqual([422, field]);
    expect((await api.call({ url })).json().version).toBe(1);
  });

  test("says which freeze holds now", async () => {
    await put('freezes:\n  - { name: always, days: [mon, tue, wed, thu, fri, sat, sun], from: "00:00", to: "00:00" }');
    expect((await api.call({ url })).json().freeze).toEqual({ name: "always", until: null, pauses: false });
  });
});

describe("deploys", () => {
  test("created by an operator or by a webhook go by the environment's configuration", async () => {
    await put(
      "defaults: { maxParallel: 2 }\nservices:\n  ghosthands:\n    strategy: canary\n    analysis: { alpha: 0.01 }",
    );
    const created = (
      await api.call({
        url: "/api/v1/admin/deploys",
        body: { environment: "staging", imageTag: "v1", knobs: { maxParallel: 3 } },
      })
    ).json();
    expect(created).toMatchObject({
      configVersion: 1,
      knobs: { strategy: "canary", maxParallel: 3, minHealthyMs: 250 },
    });
    const id = (await sendWebhook(api, deployReady({ environment: "staging", image_tag: "v2" }))).json().deploy_id;
    const announced = (await api.call({ url: `/api/v1/admin/deploys/${id}` })).json();
    expect(announced).toMatchObject({ configVersion: 1, knobs: { strategy: "canary", maxParallel: 2 } });
    const { rows } = await api.db.query("SELECT analysis->>'alpha' AS alpha FROM deploys");
    expect(rows).toEqual([{ alpha: "0.01" }, { alpha: "0.01" }]);
  });

  test("keep what they were created with when the configuration changes", async () => {
    const { id } = (
      await api.call({ url: "/api/v1/admin/deploys", body: { environment: "staging", imageTag: "v1" } })
    ).json();
    await put("defaults: { maxParallel: 2 }");
    expect((await api.call({ url: `/api/v1/admin/deploys/${id}` })).json()).toMatchObject({
      configVersion: null,
      knobs: { maxParallel: 4 },
    });
  });
});
