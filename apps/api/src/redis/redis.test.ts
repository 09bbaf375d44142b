import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { loadDeploy, setDeployRequest } from "@valet/db";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type RedisServer, startRedisServer } from "../testing/redis-server.ts";
import { type TestApi, makeTestApi } from "../testing/test-api.ts";
import { deployReady, sendWebhook } from "../testing/webhook.ts";

let redis: RedisServer;
let api: TestApi;
beforeAll(async () => {
  redis = await startRedisServer();
  api = await makeTestApi({ env: { REDIS_URL: redis.url } });
  await until(async () => (await api.call({ url: "/api/v1/health" })).json().dependencies.redis === "ok");
});
afterAll(async () => {
  await api.close();
  await redis.stop();
});

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await holds()); tries += 1) {
    if (tries > 1_600) throw new Error("did not come about in time");
    await sleep(25);
  }
}
const config = async () => (await api.call({ url: "/api/v1/admin/deploys/config" })).json();
const put = (body: unknown) => api.call({ method: "PUT", url: "/api/v1/admin/deploys/config", body });
const webhook = async () => {
  const answer = await sendWebhook(api, deployReady({ run_id: randomUUID(), image_tag: randomUUID() }));
  expect(answer.statusCode, answer.body).toBe(200);
  return answer.json().deploy_id as string;
};
const stateOf = async (id: string) => (await loadDeploy(api.db, id))?.state;
beforeEach(async () => {
  await put({ autoDeployStaging: false, autoDeployProd: false });
});

describe("config:auto_deploy:<env>", () => {
  test("follows the API's setting, under each documented name", async () => {
    await put({ autoDeployStaging: true, autoDeployProd: true });
    const keys = ["staging", "prod", "production"].map((name) => `config:auto_deploy:${name}`);
    expect(await redis.client.mget(...keys)).toEqual(["true", "true", "true"]);
    await put({ autoDeployProd: false });
    expect(await redis.client.mget(...keys)).toEqual(["true", "false", "false"]);
  });

  test.each([
    ["config:auto_deploy:prod", "autoDeployProd"],
    ["config:auto_deploy:production", "autoDeployProd"],
    ["config:auto_deploy:staging", "autoDeployStaging"],
  ])("an operator's SET %s is honoured and audited", async (key, field) => {
    await redis.client.set(key, "true");
    expect((await config())[field]).toBe(true);
    const { rows } = await api.db.query("SELECT 1 FROM settings WHERE auto_deploy");
    expect(rows).toHaveLength(1);
    const audit = (await api.call({ url: "/api/v1/admin/audit?search=redis" })).json();
    expect(audit.data[0]).toMatchObject({ actor: "redis", action: "auto_deploy.set", data: { isOn: true } });
    expect(await redis.client.get("config:auto_deploy:prod")).toBe(
      await redis.client.get("config:auto_deploy:production"),
    );
  });

  test("decides what the next webhook starts", async () => {
    expect(await stateOf(await webhook())).toBe("awaiting_trigger");
    await redis.client.set("config:auto_deploy:staging", "true");
    expect(await stateOf(await webhook())).toBe("queued");
    await redis.client.set("config:auto_deploy:staging", "false");
    expect(await stateOf(await webhook())).toBe("awaiting_trigger");
  });

  test("a flush changes nothing: Postgres has it, and writes it again", async () => {
    await put({ autoDeployStaging: true });
    await redis.client.flushall();
    expect(await stateOf(await webhook())).toBe("queued");
    expect(await redis.client.get("config:auto_deploy:staging")).toBe("true");
  });
});

describe("deploy:<id> and deploys:recent", () => {
  test("hold each deploy for a day, newest first, fifty at most", async () => {
    const ids: string[] = [];
    for (let n = 0; n < 55; n += 1) ids.push(await webhook());
    const newest = ids.slice(-50).reverse();
    await until(
      async () => JSON.stringify(await redis.client.lrange("deploys:recent", 0, -1)) === JSON.stringify(newest),
    );
    const last = newest[0] ?? "";
    await until(async () => (await redis.client.exists(`deploy:${last}`)) === 1);
    expect(JSON.parse((await redis.client.get(`deploy:${last}`)) ?? "")).toMatchObject({
      id: last,
      status: "awaiting_trigger",
      environment: "staging",
      commitSha: "abc123def",
    });
    const ttl = await redis.client.ttl(`deploy:${last}`);
    expect(ttl).toBeGreaterThan(86_000);
    expect(ttl).toBeLessThanOrEqual(86_400);
  });

  test("a flush is made good at the next change", async () => {
    const before = await webhook();
    await until(async () => (await redis.client.exists(`deploy:${before}`)) === 1);
    await redis.client.flushall();
    const after = await webhook();
    await until(async () => (await redis.client.exists(`deploy:${before}`, `deploy:${after}`)) === 2);
  });
});

describe("Redis killed in the middle", () => {
  test("no webhook is lost and no deploy stops; back again, it is brought up to date", async () => {
    const first = await webhook();
    await redis.kill();
    const started = performance.now();
    const during = await webhook();
    expect(performance.now() - started).toBeLessThan(10_000);
    expect(await stateOf(during)).toBe("awaiting_trigger");
    const wish = { verb: "trigger", actor: "test", reason: "", at: new Date().toISOString() } as const;
    const asked = await api.db.tx((tx) => setDeployRequest(tx, first, wish, { from: ["awaiting_trigger"] }));
    expect(asked.ok).toBe(true);
    expect((await put({ autoDeployStaging: true })).json().autoDeployStaging).toBe(true);
    const health = await api.call({ url: "/api/v1/health" });
    expect([health.statusCode, health.json().dependencies.redis]).toEqual([200, "down"]);

    await redis.restart();
    await until(async () => (await redis.client.exists(`deploy:${first}`, `deploy:${during}`)) === 2);
    await until(async () => (await redis.client.get("config:auto_deploy:staging")) === "true");
    expect(await stateOf(await webhook())).toBe("queued");
  });

  test("a value that Redis kept from before the outage does not undo what was set meanwhile", async () => {
    await put({ autoDeployStaging: true });
    // As after an outage: Redis still holds what was mirrored then, Postgres has moved on.
    await api.db.query("UPDATE settings SET auto_deploy = false WHERE environment = 'staging'");
    expect((await config()).autoDeployStaging).toBe(false);
    expect(await redis.client.get("config:auto_deploy:staging")).toBe("false");
  });
});

test("live events cross from replica to replica by Redis pub/sub too", async () => {
  const other = await api.replica();
  const heard = new Promise<string>((resolve) => {
    const watcher = redis.client.duplicate();
    watcher.on("message", (_channel, message) => {
      resolve(message);
      watcher.disconnect();
    });
    void watcher.subscribe("valet:live");
  });
  await sleep(100);
  const id = await webhook();
  const eventId = Number(await heard);
  const { rows } = await api.db.query<{ deployId: string }>(
    `SELECT payload->>'deployId' AS "deployId" FROM live_events WHERE id = $1`,
    [eventId],
  );
  expect(rows[0]?.deployId).toBe(id);
  await other.close();
});
