import { expect, test } from "vitest";
import { readConfig } from "./config.ts";

const good = {
  DATABASE_URL: "postgres://localhost/valet",
  JWT_SECRET: "x".repeat(32),
  VALET_SEAL_KEY: Buffer.alloc(32).toString("base64"),
};

test("the least configuration is a database, a session secret and a seal key", () => {
  const config = readConfig(good);
  expect(config).toMatchObject({ PORT: 3000, HOST: "127.0.0.1", VALET_ENVIRONMENT: "dev", VALET_LEASE_MS: 300_000 });
  expect(JSON.stringify(config)).not.toContain("xxxx");
});

test("an empty variable counts as absent, prod as production", () => {
  const config = readConfig({ ...good, REDIS_URL: "", VALET_ENVIRONMENT: "prod", VALET_DEPLOY_WEBHOOK_SECRET: "" });
  expect(config.REDIS_URL).toBeUndefined();
  expect(config.VALET_DEPLOY_WEBHOOK_SECRET).toBeUndefined();
  expect(config.VALET_ENVIRONMENT).toBe("production");
});

test.each([
  ["DATABASE_URL", undefined],
  ["JWT_SECRET", "short"],
  ["PORT", "http"],
  ["PORT", "70000"],
  ["VALET_SEAL_KEY", "short"],
  ["VALET_ENVIRONMENT", "qa"],
  ["VALET_LEASE_MS", "-1"],
  ["LOG_LEVEL", "loud"],
  ["VALET_WEB_ORIGINS", "https://web.example/app"],
  ["VALET_ROLLOUT_DEFAULTS", '{"maxParallel":0}'],
])("a wrong %s (%s) is named", (name, value) => {
  expect(() => readConfig({ ...good, [name]: value })).toThrow(name);
});
