import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { signBytes } from "@valet/contracts/node";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type TestApi, makeTestApi, webhookSecret } from "../testing/test-api.ts";
import { deployReady, sendWebhook, webhookUrl } from "../testing/webhook.ts";

const run = promisify(execFile);
let api: TestApi;
let address: string;
let folder: string;
beforeAll(async () => {
  api = await makeTestApi({ env: { VALET_DEPLOY_WEBHOOK_SECRET_PREVIOUS: "the secret before it" } });
  address = await api.app.listen({ host: "127.0.0.1", port: 0 });
  folder = await mkdtemp(join(tmpdir(), "webhook-"));
});
afterAll(async () => {
  await api.close();
  await rm(folder, { recursive: true });
});
let runId = "";
beforeEach(() => {
  runId = randomUUID();
});
const fresh = (overrides: Record<string, unknown> = {}) => deployReady({ run_id: runId, ...overrides });

/** The pipeline's own shell: jq makes the body, openssl signs the file, curl sends the file. */
async function pipeline(format: "-n" | "-cn", body: Record<string, unknown>, secret = webhookSecret) {
  const file = join(folder, `${randomUUID()}.json`);
  const { stdout } = await run("jq", [format, "--argjson", "body", JSON.stringify(body), "$body"]);
  // As `PAYLOAD=$(jq …)` leaves it: without the last line feed.
  await writeFile(file, stdout.replace(/\n$/, ""));
  const signed = await run("openssl", ["dgst", "-sha256", "-hmac", secret, file]);
  const signature = signed.stdout.trim().split(" ").at(-1);
  const { stdout: answer } = await run("curl", [
    ...["-s", "-w", "\n%{http_code}", "-X", "POST", `${address}${webhookUrl}`],
    ...["-H", "Content-Type: application/json", "-H", `X-GH-Webhook-Signature: sha256=${signature}`],
    ...["-H", "X-GH-Event: deploy_ready", "-H", `X-GH-Environment: ${String(body.environment)}`],
    ...["--data-binary", `@${file}`],
  ]);
  const [json, status] = answer.split(/\n(?=\d+$)/);
  return { status: Number(status), body: JSON.parse(json ?? "") };
}

describe("what curl and openssl send", () => {
  test.each([
    ["pretty-printed", "-n"],
    ["compact", "-cn"],
  ] as const)("%s is accepted", async (_, format) => {
    const answer = await pipeline(format, fresh());
    expect(answer).toEqual({
      status: 200,
      body: {
        received: true,
        deploy_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        environment: "staging",
        image_tag: "abc123",
        message: expect.stringContaining("abc123"),
      },
    });
  });

  test("signed with another secret it is refused in the documented words", async () => {
    expect(await pipeline("-n", fresh(), "another")).toEqual({ status: 401, body: { error: "Invalid signature" } });
  });

  test("signed with the secret before the rotation it is accepted", async () => {
    expect((await pipeline("-n", fresh(), "the secret before it")).status).toBe(200);
  });
});

describe("refusals", () => {
  test.each([
    ["no signature", undefined, "Missing signature header"],
    ["an empty one", "", "Missing signature header"],
    ["64 characters that are no hex", `sha256=${"z".repeat(64)}`, "Invalid signature"],
    ["63 hex digits", `sha256=${"a".repeat(63)}`, "Invalid signature"],
    ["no prefix", "a".repeat(64), "Invalid signature"],
    ["sha1", `sha1=${"a".repeat(40)}`, "Invalid signature"],
    ["another body's", signBytes(webhookSecret, "{}"), "Invalid signature"],
  ])("%s: 401", async (_, signature, error) => {
    const answer = await sendWebhook(api, fresh(), { headers: { "x-gh-webhook-signature": signature } });
    expect([answer.statusCode, answer.json()]).toEqual([401, { error }]);
  });

  test("503 when no secret is configured", async () => {
    const bare = await makeTestApi({ env: { VALET_DEPLOY_WEBHOOK_SECRET: "" } });
    const answer = await sendWebhook(bare, fresh());
    expect([answer.statusCode, answer.json()]).toEqual([503, { error: "Webhook not configured" }]);
    await bare.close();
  });

  test("F14: a blank image tag is a 422 that names the field", async () => {
    for (const tag of ["", " "]) {
      const answer = await sendWebhook(api, fresh({ image_tag: tag }));
      expect(answer.statusCode, answer.body).toBe(422);
      expect(answer.json().details[0].field).toBe("image_tag");
    }
  });

  test.each([
    ["image_tag", "a b"],
    ["image_tag", "$(reboot)"],
    ["image_tag", "x".repeat(129)],
    ["image_tag", 7],
    ["image_tag", undefined],
    ["commit_sha", undefined],
    ["repository", null],
    ["run_id", 4711],
    ["timestamp", "yesterday"],
    ["image_digest", "sha256:abc"],
    ["commit_message", "x".repeat(10_001)],
  ])("a wrong %s (%j) is a 422 that names it", async (field, value) => {
    const answer = await sendWebhook(api, fresh({ [field]: value }));
    expect(answer.statusCode, answer.body).toBe(422);
    expect(answer.json().details[0].field).toBe(field);
  });

  test.each([
    ["environment", { environment: "qa" }, {}, "environment"],
    ["event", { event: "ghosthands.exploded" }, {}, "event"],
    ["the environment header", {}, { "x-gh-environment": "production" }, "X-GH-Environment"],
    ["the environment header", {}, { "x-gh-environment": undefined }, "X-GH-Environment"],
    ["the event header", {}, { "x-gh-event": "rollback" }, "X-GH-Event"],
  ])("an unknown or contradicting %s is a 422", async (_, body, headers, field) => {
    const answer = await sendWebhook(api, fresh(body), { headers });
    expect(answer.statusCode, answer.body).toBe(422);
    expect(answer.json().details.map((detail: { field: string }) => detail.field)).toContain(field);
  });

  test.each([
    ["more than a day old", -24 * 3_600_000 - 60_000],
    ["more than five minutes ahead", 6 * 60_000],
  ])("a timestamp %s is a 401 stale_timestamp", async (_, offsetMs) => {
    const timestamp = new Date(Date.now() + offsetMs).toISOString();
    const answer = await sendWebhook(api, fresh({ timestamp }));
    expect([answer.statusCode, answer.json().error]).toEqual([401, "stale_timestamp"]);
  });

  test.each(["", "{", "[]", "null", '"x"', "\u0000"])("a signed body that is no event (%j) is a 4xx", async (raw) => {
    const answer = await sendWebhook(api, { event: "deploy_ready", environment: "staging" }, { raw });
    expect([400, 422]).toContain(answer.statusCode);
  });

  test("a body over its limit is a 413", async () => {
    const answer = await sendWebhook(api, fresh({ padding: "x".repeat(10_485_760) }));
    expect([answer.statusCode, answer.json().error]).toEqual([413, "body_too_large"]);
  });

  test("an unknown field is no reason to refuse: pipelines grow", async () => {
    expect((await sendWebhook(api, fresh({ triggered_from: "somewhere new" }))).statusCode).toBe(200);
  });
});

describe("what a webhook starts", () => {
  test("auto-deploy off: it awaits its trigger and admins are told; on: it is queued", async () => {
    const waiting = (await sendWebhook(api, fresh({ image_tag: "off-1" }))).json();
    const view = (await api.call({ url: `/api/v1/admin/deploys/${waiting.deploy_id}` })).json();
    expect(view).toMatchObject({
      state: "awaiting_trigger",
      imageTag: "off-1",
      commitSha: "abc123def",
      trigger: "webhook",
      service: "ghosthands",
    });
    const { rows } = await api.db.query<{ payload: unknown }>(
      "SELECT payload FROM live_events WHERE type = 'deploy_ready' AND payload->>'deployId' = $1 AND audience = 'admin'",
      [waiting.deploy_id],
    );
    expect(rows).toEqual([
      {
        payload: expect.objectContaining({
          imageTag: "off-1",
          environment: "staging",
          commitSha: "abc123def",
          commitMessage: expect.stringContaining("quoted"),
        }),
      },
    ]);
    await api.call({ method: "PUT", url: "/api/v1/admin/deploys/config", body: { autoDeployStaging: true } });
    const started = (await sendWebhook(api, fresh({ image_tag: "on-1", run_id: randomUUID() }))).json();
    expect((await api.call({ url: `/api/v1/admin/deploys/${started.deploy_id}` })).json().state).toBe("queued");
    await api.call({ method: "PUT", url: "/api/v1/admin/deploys/config", body: { autoDeployStaging: false } });
  });

  test("the same body again answers the same deploy and starts nothing", async () => {
    const body = fresh({ image_tag: `replay-${runId.slice(0, 8)}` });
    const answers = await Promise.all(Array.from({ length: 10 }, () => sendWebhook(api, body)));
    expect(new Set(answers.map((answer) => answer.json().deploy_id)).size).toBe(1);
    expect(answers.every((answer) => answer.statusCode === 200)).toBe(true);
    expect((await countDeploys(body.image_tag as string)).total).toBe(1);
  });

  test("the same run with a newer timestamp starts anew only after its deploy failed", async () => {
    const tag = `rerun-${runId.slice(0, 8)}`;
    const send = async (ageMs: number) => {
      const timestamp = new Date(Date.now() - ageMs).toISOString();
      return (await sendWebhook(api, fresh({ image_tag: tag, timestamp }))).json().deploy_id as string;
    };
    const first = await send(60_000);
    expect(await send(50_000)).toBe(first);
    await api.db.query("UPDATE deploys SET state = 'completed' WHERE id = $1", [first]);
    expect(await send(40_000)).toBe(first);
    await api.db.query("UPDATE deploys SET state = 'failed' WHERE id = $1", [first]);
    expect(await send(30_000)).not.toBe(first);
    expect((await countDeploys(tag)).total).toBe(2);
  });

  test("leaves an audit row", async () => {
    const { deploy_id } = (await sendWebhook(api, fresh())).json();
    const page = (await api.call({ url: `/api/v1/admin/audit?subject=${deploy_id}` })).json();
    expect(page.data[0]).toMatchObject({ actor: "webhook", action: "deploy.create", data: { imageTag: "abc123" } });
  });

  async function countDeploys(tag: string): Promise<{ total: number }> {
    const { rows } = await api.db.query<{ total: number }>(
      "SELECT count(*) AS total FROM deploys WHERE image_tag = $1",
      [tag],
    );
    return rows[0] ?? { total: -1 };
  }
});

test("good webhooks pass while one address sends bad signatures, which end in 429", async () => {
  const bad = await Promise.all(
    Array.from({ length: 100 }, () =>
      sendWebhook(api, fresh(), { headers: { "x-gh-webhook-signature": `sha256=${"0".repeat(64)}` } }),
    ),
  );
  const statuses = new Set(bad.map((answer) => answer.statusCode));
  expect([...statuses].every((status) => status === 401 || status === 429)).toBe(true);
  expect(statuses).toContain(429);
  expect(bad.find((answer) => answer.statusCode === 429)?.headers["retry-after"]).toMatch(/^\d+$/);
  expect((await sendWebhook(api, fresh())).statusCode).toBe(200);
});
