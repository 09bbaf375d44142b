import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { openDatabase } from "./database.ts";
import type { Database } from "./database.ts";
import { defaultMigrationsDir, readMigrations } from "./migration-files.ts";
import { migrate, migrateDown } from "./migrations.ts";
import { existingTables } from "./schema-check.ts";
import { createTestDatabase } from "./testing.ts";
import type { TestDatabase } from "./testing.ts";

let test: TestDatabase;
let url: string;
let db: Database;
let folder: string;
const environment = "dev";

beforeAll(async () => {
  test = await createTestDatabase();
});
afterAll(() => test.drop());
beforeEach(async () => {
  const name = `empty_${Math.random().toString(36).slice(2)}`;
  await test.db.query(`CREATE DATABASE ${name}`);
  const changed = new URL(test.url);
  changed.pathname = `/${name}`;
  url = changed.toString();
  db = openDatabase({ url, applicationName: "test" });
  folder = await mkdtemp(join(tmpdir(), "valet-migrations-"));
  await cp(defaultMigrationsDir, folder, { recursive: true });
  return async () => {
    await db.close();
    await rm(folder, { recursive: true });
    await test.db.query(`DROP DATABASE ${name} WITH (FORCE)`);
  };
});

const tagsOf = async () => (await readMigrations()).map((migration) => migration.tag);
/** Adds a migration to the copied folder. */
const add = async (tag: string, sql: string, tables: Record<string, string[]>, downSql = "SELECT 1;") => {
  const journalFile = join(folder, "meta/_journal.json");
  const journal = JSON.parse(await readFile(journalFile, "utf8"));
  const last = (await readMigrations(folder)).at(-1);
  journal.entries.push({ idx: (last?.index ?? 0) + 1, tag });
  await writeFile(journalFile, JSON.stringify(journal));
  await writeFile(join(folder, `${tag}.sql`), sql);
  await writeFile(join(folder, `${tag}.down.sql`), downSql);
  await writeFile(join(folder, `tables/${tag}.json`), JSON.stringify({ ...last?.tables, ...tables }));
};

describe("migrating", () => {
  it("goes up, does nothing the second time, and takes everything back", async () => {
    expect(await migrate(url, { environment })).toEqual({ applied: await tagsOf(), newer: false });
    expect(await migrate(url, { environment })).toEqual({ applied: [], newer: false });
    expect(await migrateDown(url, { environment })).toEqual((await tagsOf()).reverse());
    expect(await existingTables(db)).toEqual({});
    const { rows } = await db.query("SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace");
    expect(rows).toEqual([]);
    expect((await migrate(url, { environment })).applied).toEqual(await tagsOf());
  });

  it("every migration comes back up after its own way back, and records exactly what is there", async () => {
    for (const { tag, tables } of await readMigrations()) {
      await migrate(url, { environment });
      await migrateDown(url, { environment, to: tag });
      expect(await existingTables(db), tag).toEqual(tables);
      await migrate(url, { environment });
    }
  });

  it("by four at once is done once, without an error", async () => {
    const results = await Promise.all(Array.from({ length: 4 }, () => migrate(url, { environment })));
    expect(results.flatMap((result) => result.applied).sort()).toEqual(await tagsOf());
  });

  it("F37: a migration that fails leaves nothing and is not journalled; the run fails", async () => {
    await migrate(url, { environment, migrationsDir: folder });
    await add(
      "0090_bad",
      "CREATE TABLE half (id int); INSERT INTO tenants (id, name) VALUES ('a','a'), ('a','a');",
      {},
    );
    const run = migrate(url, { environment, migrationsDir: folder });
    await expect(run).rejects.toThrow(/0090_bad failed and was rolled back: duplicate key/);
    expect(await existingTables(db)).not.toHaveProperty("half");
    const { rows } = await db.query("SELECT 1 FROM valet_migrations WHERE tag = '0090_bad'");
    expect(rows).toEqual([]);
  });

  it("F37: what the journal says is applied and is not there fails the run", async () => {
    await migrate(url, { environment });
    await db.query("ALTER TABLE tasks DROP COLUMN metadata");
    await db.query("DROP TABLE login_links");
    await expect(migrate(url, { environment })).rejects.toThrow(/the database lacks login_links, tasks.metadata/);
  });

  it("F38: refuses a database of another environment before it touches anything", async () => {
    await migrate(url, { environment: "staging" });
    await add("0090_more", "CREATE TABLE more (id int);", { more: ["id"] });
    const run = migrate(url, { environment: "production", migrationsDir: folder });
    await expect(run).rejects.toThrow(/belongs to staging, not to production/);
    await expect(migrateDown(url, { environment: "production" })).rejects.toThrow(/belongs to staging/);
    expect(await existingTables(db)).not.toHaveProperty("more");
  });

  it("by an older program over a newer schema succeeds when that says it may", async () => {
    await add("0090_expand", "-- compatible-since: 1\nCREATE TABLE extra (id int);", { extra: ["id"] });
    await migrate(url, { environment, migrationsDir: folder });
    expect(await migrate(url, { environment })).toEqual({ applied: [], newer: true });
  });

  it("by an older program over a schema that it cannot work with fails", async () => {
    await add("0090_contract", "ALTER TABLE tasks DROP COLUMN metadata;", {});
    const tables = JSON.parse(await readFile(join(folder, "tables/0090_contract.json"), "utf8"));
    tables.tasks = tables.tasks.filter((column: string) => column !== "metadata");
    await writeFile(join(folder, "tables/0090_contract.json"), JSON.stringify(tables));
    await migrate(url, { environment, migrationsDir: folder });
    await expect(migrate(url, { environment })).rejects.toThrow(/0090_contract, which needs programs that know/);
    await expect(migrateDown(url, { environment })).rejects.toThrow(/does not know migration 0090_contract/);
  });

  it("refuses a migration that was changed after it was applied, or that was added behind newer ones", async () => {
    await migrate(url, { environment, migrationsDir: folder });
    const [first] = await tagsOf();
    const file = join(folder, `${first}.sql`);
    await writeFile(file, `${await readFile(file, "utf8")}\n-- changed`);
    await expect(migrate(url, { environment, migrationsDir: folder })).rejects.toThrow(
      /was changed after it was applied/,
    );
    await db.query("DELETE FROM valet_migrations WHERE tag = $1", [first]);
    await expect(migrate(url, { environment, migrationsDir: folder })).rejects.toThrow(/behind newer ones/);
  });

  it("waits for the lock of another run, and says what to look for when it never comes", async () => {
    const holder = new pg.Client({ connectionString: url });
    await holder.connect();
    await holder.query("SELECT pg_advisory_lock(7261000)");
    const run = migrate(url, { environment, lockDeadlineMs: 300 });
    await expect(run).rejects.toThrow(/look for a migration that hangs/);
    await holder.end();
    expect((await migrate(url, { environment, lockDeadlineMs: 5_000 })).applied).toEqual(await tagsOf());
  });
});
