import { createHash } from "node:crypto";
import type { DeployPlan } from "@valet/contracts";
import { upsertRelease } from "@valet/db";
import type { LightMyRequestResponse } from "fastify";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { everything } from "../testing/everything.ts";
import { addSandbox } from "../testing/fixtures.ts";
import { type TestApi, makeTestApi } from "../testing/test-api.ts";

const base = "/api/v1/admin/deploys";
const config = "/api/v1/admin/rollout-config/production";
let api: TestApi;
beforeAll(async () => {
  api = await makeTestApi();
});
afterAll(() => api.close());
beforeEach(() => api.db.query("TRUNCATE environment_configs, deploys, sandboxes, releases CASCADE"));

const digestOf = (text: string) => `sha256:${createHash("sha256").update(text).digest("hex")}`;
const call = (url: string, body: Record<string, unknown>, method: "POST" | "PUT" = "POST") =>
  api.call({ method, url, as: method === "PUT" ? "admin" : "operator", body });
const create = (body: Record<string, unknown> = {}) =>
  call(base, { environment: "production", imageTag: "v2", ...body });

/** A deploy of v2 (whose digest is that of "now"), which came from v1 ("before"), in this state. */
async function deployIn(state: string): Promise<string> {
  const { id } = (await create({ imageDigest: digestOf("now") })).json();
  await api.db.query("UPDATE deploys SET state = $2, previous_digest = $3, previous_tag = 'v1' WHERE id = $1", [
    ...[id, state, digestOf("before")],
  ]);
  return id;
}
const release = (tag: string, seed: string) =>
  upsertRelease(api.db, { service: "ghosthands", version: tag, imageTag: tag, imageDigest: digestOf(seed) });

/** The refusal, when not one row of any table was changed by it. */
async function refusal(ask: () => Promise<LightMyRequestResponse>): Promise<[number, string, string]> {
  const before = await everything(api.db);
  const answer = await ask();
  expect(await everything(api.db)).toEqual(before);
  const { error, message } = answer.json() as { error: string; message: string };
  return [answer.statusCode, error, message];
}

describe("what makes no sense is refused by its name with what is allowed, and changes nothing: rollout.yml with", () => {
  test.each([
    ["an unknown key", "maxParalel: 1", "maxParalel: there is no such key; allowed here: "],
    ["maxParallel 0", "defaults: { maxParallel: 0 }", "defaults.maxParallel: must be at least 1"],
    [
      "steps that do not grow",
      "defaults: { strategy: canary, canarySteps: [{ hosts: 2, bakeMs: 0 }, { hosts: 2, bakeMs: 0 }] }",
      "defaults.canarySteps.1",
    ],
  ])("%s", async (_name, line, text) => {
    const source = `version: 1\nenvironments:\n  staging: {}\n  production:\n    ${line}\n`;
    const put = () => call(config, { source, expectedVersion: 0 }, "PUT");
    const [status, error, message] = await refusal(put);
    expect([status, error]).toEqual([422, "validation"]);
    expect(message).toMatch(/^rollout\.yml, line 5, column \d+: /);
    expect(message).toContain(`environments.production.${text}`);
  });
});

describe("what makes no sense is refused by its name with what is allowed, and changes nothing: a deploy with", () => {
  beforeEach(() => addSandbox(api, { environment: "production" }));
  test.each<[string, Record<string, unknown>, string]>([
    ["an unknown knob", { maxParalel: 1 }, "knobs.maxParalel: there is no such key; allowed here: "],
    ["maxParallel 0", { maxParallel: 0 }, "knobs.maxParallel: must be at least 1"],
    [
      "a canary larger than the fleet",
      { strategy: "canary", canarySteps: [{ hosts: 2, bakeMs: 0 }] },
      "knobs.canarySteps.0.hosts: must be at most 1: there are no more hosts (production has 1 host)",
    ],
    [
      "steps that shrink",
      {
        strategy: "canary",
        canarySteps: [
          { hosts: 2, bakeMs: 0 },
          { hosts: 1, bakeMs: 0 },
        ],
      },
      "knobs.canarySteps.1.hosts: must not be fewer than the step before it (2)",
    ],
    [
      "steps that stand still",
      {
        strategy: "canary",
        canarySteps: [
          { hosts: 1, bakeMs: 0 },
          { hosts: 1, bakeMs: 0 },
        ],
      },
      "knobs.canarySteps.1",
    ],
  ])("%s", async (_name, knobs, text) => {
    const [status, error, message] = await refusal(() => create({ knobs }));
    expect([status, error]).toEqual([422, "validation"]);
    expect(message).toContain(text);
  });
});

describe("what makes no sense is refused by its state with what is allowed, and changes nothing:", () => {
  test("promote of a deploy that failed", async () => {
    const id = await deployIn("failed");
    expect(await refusal(() => call(`${base}/${id}/promote`, {}))).toEqual([
      ...[409, "illegal_transition"],
      "A deploy that is failed cannot promote. What may be done now: retry, rollback.",
    ]);
  });

  test.each(["in_progress", "failed", "completed"])(
    "rollback of one that is %s to an unknown release",
    async (state) => {
      await release("v0", "old");
      const id = await deployIn(state);
      expect(await refusal(() => call(`${base}/${id}/rollback`, { toDigest: digestOf("never") }))).toEqual([
        ...[422, "validation"],
        `toDigest: no release of ghosthands with this digest is known. Known: v0 ${digestOf("old")}`,
      ]);
    },
  );

  test.each([
    ["in_progress", "old"],
    ["completed", "old"],
    // Not named: where it came from.
    ["in_progress", undefined],
    ["completed", undefined],
  ])("rollback of one that is %s to a pruned release (%s)", async (state, named) => {
    await release("v-1", "older");
    const { id: releaseId } = await release("v0", named ?? "before");
    const reason = "older than 90 days";
    await api.db.query("UPDATE releases SET pruned_at = now(), pruned_reason = $2 WHERE id = $1", [releaseId, reason]);
    const id = await deployIn(state);
    const body = named ? { toDigest: digestOf(named) } : {};
    const [status, error, message] = await refusal(() => call(`${base}/${id}/rollback`, body));
    expect([status, error]).toEqual([409, "pruned_release"]);
    expect(message).toMatch(/^v0 \(sha256:[0-9a-f]{64}\) was pruned .*: older than 90 days\. Known: v-1 sha256:/);
  });

  test("a new deploy of a pruned release", async () => {
    const { id } = await release("v2", "old");
    await api.db.query("UPDATE releases SET pruned_at = now(), pruned_reason = 'older than 90 days' WHERE id = $1", [
      id,
    ]);
    expect(await refusal(() => create({ imageDigest: digestOf("old") }))).toEqual([
      ...[409, "pruned_release"],
      "The artefact of v2 is gone: older than 90 days. Build it again.",
    ]);
  });

  test("the second of two operators, by the wish that is there or by the revision looked at", async () => {
    const id = await deployIn("in_progress");
    const seen = (await api.call({ url: `${base}/${id}` })).json().revision as number;
    expect((await call(`${base}/${id}/pause`, { revision: seen })).statusCode).toBe(200);
    const [sameStatus, sameError, same] = await refusal(() => call(`${base}/${id}/pause`, {}));
    expect([sameStatus, sameError]).toEqual([409, "conflict"]);
    expect(same).toMatch(/^Pause was asked for by operator:/);
    expect(await refusal(() => call(`${base}/${id}/abort`, { revision: seen }))).toEqual([
      ...[409, "conflict"],
      `The deploy is at revision ${seen + 1} now, not ${seen}: look again.`,
    ]);
  });
});

describe("a plan, which changes nothing, says first that it is impossible:", () => {
  const impossible = async () => {
    const before = await everything(api.db);
    const answer = await call(`${base}/plan`, { environment: "production", imageTag: "v2" });
    expect(answer.statusCode, answer.body).toBe(200);
    expect(await everything(api.db)).toEqual(before);
    const [first] = (answer.json() as DeployPlan).blockers;
    return [first?.kind, first?.blocks, first?.text];
  };

  test("with an empty fleet", async () => {
    expect(await impossible()).toEqual(["impossible", true, "production has no sandbox"]);
  });

  test("with every host unreachable", async () => {
    for (const name of ["one", "two"]) await addSandbox(api, { environment: "production", name });
    const [kind, blocks, text] = await impossible();
    expect([kind, blocks]).toEqual(["impossible", true]);
    expect(text).toMatch(/^no host of production can be reached: one, two; one is unreachable/);
  });
});
