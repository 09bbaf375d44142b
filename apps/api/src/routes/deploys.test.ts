import { randomUUID } from "node:crypto";
import { loadDeploy, saveDeploy } from "@valet/db";
import { type DeployState, deployActionNames, deployActions, deployStates } from "@valet/shared";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { addSandbox } from "../testing/fixtures.ts";
import { type TestApi, makeTestApi } from "../testing/test-api.ts";
import { deployReady, sendWebhook } from "../testing/webhook.ts";

const base = "/api/v1/admin/deploys";
let api: TestApi;
beforeAll(async () => {
  api = await makeTestApi();
});
afterAll(() => api.close());

const create = (body: Record<string, unknown> = {}) =>
  api.call({ url: base, as: "operator", body: { environment: "dev", imageTag: `v-${randomUUID()}`, ...body } });
const act = (id: string, action: string, body: Record<string, unknown> = {}) =>
  api.call({ url: `${base}/${id}/${action}`, as: "operator", body });
const view = async (id: string) => (await api.call({ url: `${base}/${id}` })).json();

/** A deploy of an environment of its own kind, put into a state as the engine would leave it. */
async function deployIn(state: DeployState, columns: Record<string, unknown> = {}): Promise<string> {
  await api.db.query("UPDATE deploys SET state = 'superseded' WHERE environment = 'production'");
  const { deploy_id: id } = (
    await sendWebhook(api, deployReady({ environment: "production", run_id: randomUUID(), image_tag: randomUUID() }))
  ).json();
  await api.db.query("UPDATE deploys SET state = $2, previous_tag = $3, previous_digest = $4 WHERE id = $1", [
    id,
    state,
    columns.previousTag ?? null,
    columns.previousDigest ?? null,
  ]);
  return id;
}

describe("creating a deploy", () => {
  test("queues it for the engine with the knobs that were given over the defaults", async () => {
    const answer = await create({ knobs: { maxParallel: 3, order: "stop-first" }, reason: "try it" });
    expect(answer.statusCode).toBe(201);
    expect(answer.json()).toMatchObject({
      state: "queued",
      stateReason: "try it",
      service: "ghosthands",
      trigger: "operator",
      createdBy: "operator:test/test operator",
      hosts: [],
      knobs: {
        maxParallel: 3,
        order: "stop-first",
        drainDeadlineAction: "pause",
        maxUnavailable: 1,
        drainPollMs: 5_000,
      },
    });
  });

  test("begins with the installation's defaults", async () => {
    const own = await makeTestApi({ env: { VALET_ROLLOUT_DEFAULTS: '{"minHealthyMs":250}' } });
    const answer = await own.call({ url: base, body: { environment: "dev", imageTag: "v1" } });
    expect(answer.json().knobs).toMatchObject({ minHealthyMs: 250, healthyDeadlineMs: 60_000 });
    await own.close();
  });

  test("takes only sandboxes of its environment", async () => {
    const mine = await addSandbox(api);
    const theirs = await addSandbox(api, { environment: "staging" });
    expect((await create({ sandboxIds: [mine.id] })).statusCode).toBe(201);
    const refused = await create({ sandboxIds: [mine.id, theirs.id] });
    expect(refused.statusCode).toBe(422);
    expect(refused.json().message).toContain(theirs.id);
  });

  test("a tag deployed before is resolved anew; a digest that is named is what counts", async () => {
    const create = async (imageDigest?: string) =>
      (
        await api.call({
          url: "/api/v1/admin/deploys",
          body: { environment: "dev", imageTag: "moving", ...(imageDigest ? { imageDigest } : {}) },
        })
      ).json().imageDigest as string | null;
    const [a, b] = ["a", "b"].map((digit) => `sha256:${digit.repeat(64)}`);
    expect(await create(a)).toBe(a);
    expect(await create()).toBeNull();
    expect(await create(b)).toBe(b);
  });

  test.each([
    ["imageTag", ""],
    ["imageTag", "a b"],
    ["imageTag", "$(reboot)"],
    ["imageDigest", "sha256:12"],
    ["environment", "qa"],
    ["service", "nginx"],
    ["knobs.maxParallel", { knobs: { maxParallel: 0 } }],
    ["knobs.maxSpeed", { knobs: { maxSpeed: 1 } }],
    ["knobs.failureAction", { knobs: { failureAction: "ignore" } }],
    ["sandboxIds.0", { sandboxIds: ["x"] }],
    ["reason", "x".repeat(501)],
  ])("names a wrong %s (%j)", async (field, value) => {
    const answer = await create(typeof value === "string" ? { [field]: value } : value);
    expect(answer.statusCode, answer.body).toBe(422);
    expect(answer.json().details[0].field).toBe(field);
  });
});

describe("asking something of a deploy", () => {
  test("F18: of 50 triggers at once one counts; the rest are told 409", async () => {
    const id = await deployIn("awaiting_trigger");
    const other = await api.replica();
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        (index % 2 ? other : api.app).inject({
          method: "POST",
          url: `${base}/${id}/trigger`,
          headers: { authorization: `Bearer ${api.tokens.operator}` },
          payload: {},
        }),
      ),
    );
    expect(answers.map((answer) => answer.statusCode).filter((status) => status === 200)).toHaveLength(1);
    expect(answers.filter((answer) => answer.statusCode === 409)).toHaveLength(49);
    const { rows } = await api.db.query<{ total: number }>(
      "SELECT count(*) AS total FROM audit_log WHERE subject = $1 AND action = 'deploy.trigger'",
      [id],
    );
    expect(rows[0]?.total).toBe(1);
  });

  test("needs no body at all, as `curl -X POST` sends", async () => {
    const id = await deployIn("awaiting_trigger");
    const answer = await api.call({ method: "POST", url: `${base}/${id}/trigger`, as: "operator" });
    expect(answer.statusCode, answer.body).toBe(200);
  });

  test("leaves a wish with who and why, bumps the revision and an audit row", async () => {
    const id = await deployIn("in_progress");
    const before = await view(id);
    expect((await act(id, "pause", { reason: "lunch", revision: before.revision })).json().revision).toBe(
      before.revision + 1,
    );
    expect((await loadDeploy(api.db, id))?.request).toMatchObject({
      verb: "pause",
      actor: "operator:test/test operator",
      reason: "lunch",
    });
    const stale = await act(id, "abort", { revision: before.revision });
    expect([stale.statusCode, stale.json().error]).toEqual([409, "conflict"]);
    expect(stale.json().message).toContain(String(before.revision + 1));
  });

  test.each(deployStates.filter((state) => state !== "awaiting_approval"))(
    "in %s a wish that makes no sense is a 409 naming the state and what may be done",
    async (state) => {
      const id = await deployIn(state);
      for (const action of deployActionNames) {
        if (deployActions[action].includes(state)) continue;
        const answer = await act(id, action);
        expect([action, answer.statusCode, answer.json().error]).toEqual([action, 409, "illegal_transition"]);
        expect(answer.json().message).toContain(state);
      }
    },
  );

  test("a trigger may override knobs, and only while nobody has begun", async () => {
    const id = await deployIn("awaiting_trigger");
    const answer = await act(id, "trigger", { knobs: { maxParallel: 7 } });
    expect(answer.json().knobs.maxParallel).toBe(7);
    const late = await act(id, "trigger", { knobs: { maxParallel: 9 } });
    expect(late.statusCode).toBe(409);
    expect((await view(id)).knobs.maxParallel).toBe(7);
  });

  test("a viewer may look and not touch", async () => {
    const id = await deployIn("awaiting_trigger");
    expect((await api.call({ url: `${base}/${id}`, as: "viewer" })).statusCode).toBe(200);
    expect((await api.call({ url: `${base}/${id}/trigger`, as: "viewer", body: {} })).statusCode).toBe(403);
  });
});

describe("rolling back", () => {
  const digest = `sha256:${"e".repeat(64)}`;

  test("a deploy under way is told to; only where it came from", async () => {
    const id = await deployIn("in_progress", { previousTag: "before", previousDigest: digest });
    const elsewhere = await act(id, "rollback", { toDigest: `sha256:${"9".repeat(64)}` });
    expect([elsewhere.statusCode, elsewhere.json().details[0].field]).toEqual([422, "toDigest"]);
    expect((await act(id, "rollback", { toDigest: digest })).json().id).toBe(id);
    expect((await loadDeploy(api.db, id))?.request?.verb).toBe("rollback");
  });

  test("a completed one stays completed: a deploy of the release before is queued", async () => {
    const older = await create({ imageTag: "the-good-one", imageDigest: digest });
    expect(older.statusCode).toBe(201);
    const id = await deployIn("completed", { previousTag: "the-good-one", previousDigest: digest });
    const answer = await act(id, "rollback", { reason: "it smells" });
    expect(answer.json()).toMatchObject({
      imageTag: "the-good-one",
      imageDigest: digest,
      state: "queued",
      trigger: "rollback",
      environment: "production",
    });
    expect(answer.json().id).not.toBe(id);
    expect((await view(id)).state).toBe("completed");
  });

  test("the first completed deploy has nothing to go back to and says so", async () => {
    const id = await deployIn("completed");
    const answer = await act(id, "rollback");
    expect(answer.statusCode).toBe(409);
    expect(answer.json().message).toContain("first");
  });
});

test("F20: each host's own state and reason reach the operator", async () => {
  const sandbox = await addSandbox(api, { environment: "production" });
  const id = await deployIn("in_progress");
  const deploy = await loadDeploy(api.db, id);
  if (!deploy) throw new Error("no deploy");
  const reason = "the browser did not start: /opt/chromium/chrome: no such file";
  const host = {
    sandboxId: sandbox.id,
    sandboxName: sandbox.name,
    position: 0,
    step: "failed" as const,
    order: "start-first" as const,
    reason,
    epoch: null,
    oldGeneration: 1,
    newGeneration: 2,
    reportedDigest: null,
    engine: {},
    startedAt: new Date(),
    endedAt: new Date(),
  };
  const saved = await api.db.tx((tx) =>
    saveDeploy(tx, { ...deploy, hosts: [host] }, deploy.revision, [
      { actor: "engine", summary: `${sandbox.name} failed` },
    ]),
  );
  expect(saved.ok).toBe(true);
  const shown = await view(id);
  expect(shown.hosts).toEqual([
    expect.objectContaining({ sandboxName: sandbox.name, step: "failed", status: "failed", reason, message: reason }),
  ]);
  expect(shown).toMatchObject({ hostsTotal: 1, hostsFailed: 1 });
  expect(shown.decisions.at(-1)).toMatchObject({ actor: "engine", summary: `${sandbox.name} failed` });
});

test("auto-deploy settings are changed by admins, field by field", async () => {
  const put = (body: unknown, as = "admin") => api.call({ method: "PUT", url: `${base}/config`, body, as });
  expect((await put({ autoDeployStaging: true }, "operator")).statusCode).toBe(403);
  expect((await put({ autoDeployStaging: true })).json()).toEqual({ autoDeployStaging: true, autoDeployProd: false });
  expect((await put({ autoDeployProd: true })).json()).toEqual({ autoDeployStaging: true, autoDeployProd: true });
  expect((await put({ autoDeployStaging: "yes" })).statusCode).toBe(422);
  expect((await put({})).json()).toEqual({ autoDeployStaging: true, autoDeployProd: true });
  await put({ autoDeployStaging: false, autoDeployProd: false });
});

test("releases are listed and shown", async () => {
  await create({ imageTag: "listed-1" });
  const page = (await api.call({ url: "/api/v1/admin/releases?search=LISTED-1", as: "viewer" })).json();
  expect(page.data).toEqual([expect.objectContaining({ imageTag: "listed-1", service: "ghosthands" })]);
  const one = await api.call({ url: `/api/v1/admin/releases/${page.data[0].id}`, as: "viewer" });
  expect(one.json()).toEqual(page.data[0]);
});
