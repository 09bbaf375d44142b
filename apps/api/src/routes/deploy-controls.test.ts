import { createHash, randomUUID } from "node:crypto";
import { createToken, ensureTenant, listAudit, upsertRelease } from "@valet/db";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { addSandbox } from "../testing/fixtures.ts";
import { type TestApi, makeTestApi } from "../testing/test-api.ts";
import { deployReady, sendWebhook } from "../testing/webhook.ts";

const base = "/api/v1/admin/deploys";
let api: TestApi;
let ann: string;
let bob: string;
let annAsAdmin: string;
beforeAll(async () => {
  api = await makeTestApi();
  await ensureTenant(api.db, "people", "People");
  const tokenOf = async (name: string, role: "operator" | "admin") =>
    (await createToken(api.db, { tenantId: "people", role, name })).token.reveal();
  ann = await tokenOf("ann", "operator");
  bob = await tokenOf("bob", "operator");
  annAsAdmin = await tokenOf("ann", "admin");
});
afterAll(() => api.close());
beforeEach(() => api.db.query("TRUNCATE environment_configs, deploys, sandboxes, releases CASCADE"));

const digestOf = (text: string) => `sha256:${createHash("sha256").update(text).digest("hex")}`;
const configure = async (production: string) => {
  const answer = await api.call({
    method: "PUT",
    url: "/api/v1/admin/rollout-config/production",
    body: { source: `version: 1\nenvironments:\n  production: ${production}\n`, expectedVersion: 0 },
  });
  expect(answer.statusCode, answer.body).toBe(200);
};
const create = (as: string, body: Record<string, unknown> = {}) =>
  api.call({ url: base, as, body: { environment: "production", imageTag: "v2", ...body } });
const act = (id: string, action: string, as: string, body: Record<string, unknown> = {}) =>
  api.call({ url: `${base}/${id}/${action}`, as, body });
const viewOf = async (id: string) => (await api.call({ url: `${base}/${id}` })).json();
/** As the engine would leave it. */
const put = (id: string, columns: Record<string, unknown>) =>
  Promise.all(
    Object.entries(columns).map(([name, value]) =>
      api.db.query(`UPDATE deploys SET ${name} = $2 WHERE id = $1`, [id, value]),
    ),
  );
const engine = (course: object = {}, kind: object = { kind: "rolling", failing: null }) =>
  JSON.stringify({ ...kind, course });

describe("approval", () => {
  test("is awaited where the environment asks for it, and given by another person", async () => {
    await configure("{ approvals: 1 }");
    const created = (await create(ann)).json();
    expect(created).toMatchObject({ state: "awaiting_approval", approvals: { required: 1, given: [] } });
    const own = await act(created.id, "approve", ann);
    expect([own.statusCode, own.json().error]).toEqual([403, "own_deploy"]);
    expect(own.json().message).toBe("operator:people/ann asked for this deploy: another person has to approve it.");
    const given = await act(created.id, "approve", bob, { reason: "looks right" });
    expect(given.statusCode, given.body).toBe(200);
    expect(given.json().approvals).toMatchObject({ given: [{ actor: "operator:people/bob", reason: "looks right" }] });
    const { rows } = await listAudit(api.db, { page: 1, pageSize: 1, sortOrder: "desc", subject: created.id });
    expect(rows[0]).toMatchObject({
      action: "deploy.approve",
      data: { approvals: 1, required: 1, reason: "looks right" },
    });
  });

  test("is not given by the same person with another role", async () => {
    await configure("{ approvals: 1 }");
    const { id } = (await create(ann)).json();
    expect((await act(id, "approve", annAsAdmin)).json().error).toBe("own_deploy");
    expect((await viewOf(id)).approvals.given).toEqual([]);
  });

  test("is not given by whoever triggered what a webhook announced", async () => {
    await configure("{ approvals: 1 }");
    const id = (await sendWebhook(api, deployReady({ environment: "production" }))).json().deploy_id;
    expect((await act(id, "trigger", ann)).statusCode).toBe(200);
    await put(id, { state: "awaiting_approval", request: null });
    expect((await act(id, "approve", ann)).json().error).toBe("own_deploy");
    expect((await act(id, "approve", bob)).statusCode).toBe(200);
  });

  test("is awaited by a deploy that a webhook starts by itself", async () => {
    await configure("{ approvals: 1 }");
    await api.call({ method: "PUT", url: `${base}/config`, body: { autoDeployProd: true } });
    const answer = (await sendWebhook(api, deployReady({ environment: "production" }))).json();
    expect(answer.message).toContain("awaits approval by a second person");
    expect((await viewOf(answer.deploy_id)).state).toBe("awaiting_approval");
    await api.call({ method: "PUT", url: `${base}/config`, body: { autoDeployProd: false } });
  });

  test("counts each person once, and lets go at the last one needed", async () => {
    await configure("{ approvals: 2 }");
    const { id } = (await create(ann)).json();
    await act(id, "approve", bob);
    const again = await act(id, "approve", bob);
    expect([again.statusCode, again.json().error]).toEqual([409, "conflict"]);
    expect(again.json().message).toContain("has approved this deploy already");
    const wish = async () =>
      (await api.db.query("SELECT request->>'verb' AS verb FROM deploys WHERE id = $1", [id])).rows[0];
    expect(await wish()).toEqual({ verb: null });
    expect((await act(id, "approve", "admin")).json().approvals.given).toHaveLength(2);
    expect(await wish()).toEqual({ verb: "approve" });
  });

  test("F18: of two who approve at once one is counted, the other is told", async () => {
    await configure("{ approvals: 1 }");
    const { id } = (await create(ann)).json();
    const answers = await Promise.all([act(id, "approve", bob), act(id, "approve", "admin")]);
    expect(answers.map((answer) => answer.statusCode).sort()).toEqual([200, 409]);
    expect(answers.find((answer) => answer.statusCode === 409)?.json().message).toContain("Approve was asked for by");
    expect((await viewOf(id)).approvals.given).toHaveLength(1);
  });

  test("of a deploy that does not wait for it is a 409 that names the state", async () => {
    const { id } = (await create(ann)).json();
    const answer = await act(id, "approve", bob);
    expect([answer.statusCode, answer.json().error]).toEqual([409, "illegal_transition"]);
    expect(answer.json().message).toContain("that is queued cannot approve");
  });
});

describe("a freeze", () => {
  const always = "{ freezes: [{ name: holidays, from: 2020-01-01T00:00:00Z, to: 2120-01-01T00:00:00Z }] }";
  test("is shown with the deploy it holds", async () => {
    await configure(always);
    expect((await create(ann)).json().freeze).toMatchObject({ name: "holidays", pauses: false });
  });

  test("is ignored by an admin with a reason only, which is audited", async () => {
    await configure(always);
    expect((await create(ann, { ignoreFreeze: true, reason: "hot fix" })).json().error).toBe("forbidden");
    const silent = await create("admin", { ignoreFreeze: true });
    expect([silent.statusCode, silent.json().details[0].field]).toEqual([422, "reason"]);
    const answer = (await create("admin", { ignoreFreeze: true, reason: "hot fix" })).json();
    expect(answer).toMatchObject({ ignoreFreeze: true, freeze: null });
    const { rows } = await listAudit(api.db, { page: 1, pageSize: 1, sortOrder: "desc", subject: answer.id });
    expect(rows[0]?.data).toMatchObject({ ignoreFreeze: true, reason: "hot fix" });
  });

  test("is ignored by the trigger of what a webhook announced, in the same way", async () => {
    const id = (await sendWebhook(api, deployReady({ environment: "production" }))).json().deploy_id;
    expect((await act(id, "trigger", ann, { ignoreFreeze: true, reason: "x" })).statusCode).toBe(403);
    expect((await act(id, "trigger", "admin", { ignoreFreeze: true, reason: "x" })).json().ignoreFreeze).toBe(true);
  });
});

describe("knobs", () => {
  test.each([
    [{ strategy: "blue-green", mayOverlap: false }, "knobs.strategy"],
    [{ order: "stop-first", maxUnavailable: 0 }, "knobs.maxUnavailable"],
    [{ strategy: "canary", canarySteps: [{ hosts: 2, bakeMs: 0 }] }, "knobs.canarySteps.0.hosts"],
    [{ maxParallel: 0 }, "knobs.maxParallel"],
    [{ noSuchKnob: 1 }, "knobs.noSuchKnob"],
  ])("%j are refused with the knob's name, and nothing is created", async (knobs, field) => {
    await addSandbox(api, { environment: "production" });
    const answer = await create(ann, { knobs });
    expect([answer.statusCode, answer.json().error]).toEqual([422, "validation"]);
    expect(answer.json().details[0].field).toBe(field);
    expect((await api.db.query("SELECT 1 FROM deploys")).rowCount).toBe(0);
  });

  test("of an empty fleet are not judged, and a warning says that nothing will happen", async () => {
    const answer = await create(ann, { knobs: { strategy: "canary", canarySteps: [{ hosts: 2, bakeMs: 0 }] } });
    expect(answer.json().warnings).toEqual(["there is no host in service: nothing will be changed until there is one"]);
  });

  test("given with the trigger follow a changed order and are judged with the fleet", async () => {
    await addSandbox(api, { environment: "production" });
    const id = (await sendWebhook(api, deployReady({ environment: "production" }))).json().deploy_id;
    const refused = await act(id, "trigger", ann, {
      knobs: { strategy: "canary", canarySteps: [{ hosts: 5, bakeMs: 0 }] },
    });
    expect(refused.json().message).toBe(
      "knobs.canarySteps.0.hosts: must be at most 1: there are no more hosts (production has 1 host)",
    );
    const taken = (await act(id, "trigger", ann, { knobs: { order: "stop-first" } })).json();
    expect(taken.knobs).toMatchObject({ order: "stop-first", maxUnavailable: 1, drainDeadlineAction: "pause" });
  });
});

describe("promote", () => {
  test("of a deploy that failed, or that waits for something else, is a 409 that says so", async () => {
    const { id } = (await create(ann)).json();
    await put(id, { state: "failed" });
    const failed = await act(id, "promote", ann);
    expect([failed.statusCode, failed.json().error]).toEqual([409, "illegal_transition"]);
    expect(failed.json().message).toBe(
      "A deploy that is failed cannot promote. What may be done now: retry, rollback.",
    );
    await put(id, { state: "in_progress", engine: engine(), waiting_on: JSON.stringify(["sandbox-1 to boot"]) });
    const rolling = await act(id, "promote", ann);
    expect([rolling.statusCode, rolling.json().error]).toEqual([409, "conflict"]);
    expect(rolling.json().message).toBe(
      "This deploy does not wait for promote: nothing waits for it: sandbox-1 to boot.",
    );
  });

  test("F18: of two at once one wins", async () => {
    const { id } = (await create(ann)).json();
    await put(id, { state: "baking", engine: engine({}, { kind: "baking", since: 0 }) });
    const answers = await Promise.all([act(id, "promote", ann), act(id, "promote", bob)]);
    expect(answers.map((answer) => answer.statusCode).sort()).toEqual([200, 409]);
    expect(answers.find((answer) => answer.statusCode === 409)?.json().message).toMatch(
      /^Promote was asked for by operator:people\//,
    );
  });
});

describe("retry", () => {
  test("waits until no other deploy of the service is active", async () => {
    const { id } = (await create(ann)).json();
    const other = (await create(ann, { imageTag: "v3" })).json();
    await put(id, { state: "failed" });
    await put(other.id, { state: "in_progress" });
    const answer = await act(id, "retry", ann);
    expect(answer.json().message).toBe(
      `Deploy ${other.id} of ghosthands in production is active: retry once it is over.`,
    );
    await put(other.id, { state: "completed" });
    expect((await act(id, "retry", ann)).statusCode).toBe(200);
  });
});

describe("rollback", () => {
  const release = (tag: string, seed: string) =>
    upsertRelease(api.db, { service: "ghosthands", version: tag, imageTag: tag, imageDigest: digestOf(seed) });
  const deployed = async (state: string) => {
    const { id } = (await create(ann, { imageTag: `v-${randomUUID()}`, imageDigest: digestOf("now") })).json();
    await put(id, { state, previous_digest: digestOf("before"), previous_tag: "v1" });
    return id as string;
  };

  test.each(["in_progress", "failed", "completed"])(
    "of a deploy that is %s goes to any release that is known",
    async (state) => {
      await configure("{ approvals: 1 }");
      await release("v0", "old");
      const id = await deployed(state);
      const answer = await act(id, "rollback", bob, { toDigest: digestOf("old") });
      expect(answer.statusCode, answer.body).toBe(200);
      const { rows } = await api.db.query("SELECT request->'data' AS data FROM deploys WHERE id = $1", [id]);
      if (state === "completed") {
        // A new deploy, which neither a freeze nor a missing second person may hold.
        expect(answer.json()).toMatchObject({
          state: "queued",
          imageTag: "v0",
          imageDigest: digestOf("old"),
          ignoreFreeze: true,
        });
        expect(answer.json().approvals.required).toBe(0);
      } else expect(rows[0]).toEqual({ data: { toDigest: digestOf("old"), toTag: "v0" } });
    },
  );

  test.each(["in_progress", "completed"])(
    "of a deploy that is %s to an unknown release names what is known",
    async (state) => {
      await release("v0", "old");
      const answer = await act(await deployed(state), "rollback", ann, { toDigest: digestOf("never") });
      expect([answer.statusCode, answer.json().details[0].field]).toEqual([422, "toDigest"]);
      expect(answer.json().message).toContain(
        `no release of ghosthands with this digest is known. Known: v0 ${digestOf("old")}`,
      );
    },
  );

  test("to what the deploy itself brings is refused", async () => {
    const answer = await act(await deployed("completed"), "rollback", ann, { toDigest: digestOf("now") });
    expect(answer.json().message).toContain("is what this deploy brings");
  });

  test("to a pruned release is a 409 with the reason", async () => {
    const { id } = await release("v0", "old");
    await api.db.query("UPDATE releases SET pruned_at = now(), pruned_reason = 'older than 90 days' WHERE id = $1", [
      id,
    ]);
    const answer = await act(await deployed("completed"), "rollback", ann, { toDigest: digestOf("old") });
    expect([answer.statusCode, answer.json().error]).toEqual([409, "pruned_release"]);
    expect(answer.json().message).toMatch(/^v0 \(sha256:.*\) was pruned .*: older than 90 days\. /);
    const again = await create(ann, { imageTag: "v0", imageDigest: digestOf("old") });
    expect([again.statusCode, again.json().error]).toEqual([409, "pruned_release"]);
  });

  test("F18: of an abort and a rollback at once the deploy follows the last one, and both are audited", async () => {
    const id = await deployed("in_progress");
    const answers = await Promise.all([act(id, "abort", ann), act(id, "rollback", bob), act(id, "pause", ann)]);
    expect(answers.filter((answer) => answer.statusCode === 200).length).toBeGreaterThanOrEqual(2);
    for (const answer of answers) expect([200, 409]).toContain(answer.statusCode);
    const { rows } = await listAudit(api.db, { page: 1, pageSize: 10, sortOrder: "desc", subject: id });
    expect(rows.length - 1).toBe(answers.filter((answer) => answer.statusCode === 200).length);
  });
});

describe("a deploy's view", () => {
  test("says where it stands, and what the last look at its canary said", async () => {
    await addSandbox(api, { environment: "production" });
    const knobs = {
      strategy: "canary",
      autoPromote: false,
      canarySteps: [{ hosts: 1, taskSharePct: 25, bakeMs: 60_000 }],
    };
    const { id } = (await create(ann, { knobs })).json();
    const analysis = {
      since: 1,
      results: [
        {
          verdict: "inconclusive",
          final: false,
          reason: "too few",
          look: 1,
          looksTotal: 3,
          metrics: [],
          startedUntil: null,
          at: 2,
        },
      ],
    };
    await put(id, { state: "in_progress", engine: engine({ step: 0, analysis, bakingSince: 1 }) });
    const view = await viewOf(id);
    expect(view.progress).toMatchObject({ phase: "canary", step: 1, stepsTotal: 1 });
    expect(view.progress.text).toContain("25 % of its tasks");
    expect(view.analysis).toMatchObject({ verdict: "inconclusive", look: 1 });
  });
});
