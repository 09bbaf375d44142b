import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { getEnvironmentConfig, putEnvironmentConfig } from "./environment-configs.ts";
import { createTestDatabase } from "./testing.ts";
import type { TestDatabase } from "./testing.ts";

let test: TestDatabase;
beforeAll(async () => {
  test = await createTestDatabase();
});
afterAll(() => test.drop());
beforeEach(() => test.db.query("TRUNCATE environment_configs"));

const put = (expectedVersion: number, createdBy = "ada", environment: "staging" | "production" = "staging") =>
  putEnvironmentConfig(test.db, {
    environment,
    expectedVersion,
    source: "approvals: 1",
    config: { approvals: 1 },
    createdBy,
  });

describe("an environment's configuration", () => {
  it("is absent at first, and its newest version counts", async () => {
    expect(await getEnvironmentConfig(test.db, "staging")).toBeUndefined();
    expect(await put(0)).toMatchObject({ ok: true, value: { version: 1 } });
    expect(await put(1)).toMatchObject({ ok: true, value: { version: 2 } });
    expect(await getEnvironmentConfig(test.db, "staging")).toMatchObject({ version: 2, config: { approvals: 1 } });
  });

  it("belongs to its environment alone", async () => {
    await put(0);
    expect(await getEnvironmentConfig(test.db, "production")).toBeUndefined();
    expect(await put(0, "ada", "production")).toMatchObject({ ok: true, value: { version: 1 } });
  });

  it("is not overwritten by somebody who has not seen the newest version", async () => {
    await put(0, "bert");
    const refused = await put(0, "ada");
    expect(refused).toMatchObject({ ok: false, error: { kind: "config_moved", found: 1 } });
    expect(!refused.ok && refused.error.message).toContain("version 1 now, put by bert, not at 0");
    expect(await put(7)).toMatchObject({ ok: false, error: { found: 1 } });
  });

  it("F18: of twenty who put at once one wins", async () => {
    const results = await Promise.all(Array.from({ length: 20 }, (_, index) => put(0, `operator ${index}`)));
    expect(results.filter((result) => result.ok)).toHaveLength(1);
    expect((await getEnvironmentConfig(test.db, "staging"))?.version).toBe(1);
  });
});
