import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { is } from "drizzle-orm";
import { PgTable, getTableConfig } from "drizzle-orm/pg-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { defaultMigrationsDir } from "../migration-files.ts";
import { createTestDatabase } from "../testing.ts";
import type { TestDatabase } from "../testing.ts";
import * as accounts from "./accounts.ts";
import * as deploys from "./deploys.ts";
import * as fleet from "./fleet.ts";
import * as journal from "./journal.ts";
import * as relay from "./relay.ts";
import * as tasks from "./tasks.ts";

const tables = Object.values({ ...accounts, ...fleet, ...tasks, ...deploys, ...journal, ...relay })
  .filter((value) => is(value, PgTable))
  .map((table) => getTableConfig(table));

let test: TestDatabase;
beforeAll(async () => {
  test = await createTestDatabase();
});
afterAll(() => test.drop());

describe("the schema in TypeScript and the migrated database", () => {
  it("have the same tables, columns, types and nulls", async () => {
    const { rows } = await test.db.query<{ table: string; column: string; type: string; nullable: boolean }>(
      `SELECT c.relname AS table, a.attname AS column, format_type(a.atttypid, a.atttypmod) AS type, NOT a.attnotnull AS nullable
       FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid AND c.relkind = 'r'
       WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped AND c.relname <> 'valet_migrations'`,
    );
    const text = (table: string, column: string, type: string, nullable: boolean): string =>
      `${table}.${column} ${type}${nullable ? " null" : ""}`;
    const inDatabase = rows.map((row) => text(row.table, row.column, row.type, row.nullable));
    const inSchema = tables.flatMap((table) =>
      table.columns.map((column) => text(table.name, column.name, column.getSQLType(), !column.notNull)),
    );
    expect(inSchema.sort()).toEqual(inDatabase.sort());
  });

  it("have the same indexes and checks by name", async () => {
    const { rows } = await test.db.query<{ name: string }>(
      `SELECT i.relname AS name FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
       WHERE i.relnamespace = 'public'::regnamespace AND NOT x.indisprimary
         AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = x.indexrelid)
       UNION ALL
       SELECT conname FROM pg_constraint WHERE contype IN ('c', 'u', 'f') AND connamespace = 'public'::regnamespace`,
    );
    const inSchema = tables.flatMap((table) => [
      ...table.indexes.map((index) => index.config.name ?? ""),
      ...table.checks.map((check) => check.name),
      ...table.uniqueConstraints.map((unique) => unique.name ?? ""),
      ...table.foreignKeys.map((key) => key.getName()),
    ]);
    expect(inSchema.sort()).toEqual(rows.map((row) => row.name).sort());
  });

  it("accept the very states that packages/shared lists", async () => {
    const { rows } = await test.db.query<{ name: string; definition: string }>(
      "SELECT conname AS name, pg_get_constraintdef(oid) AS definition FROM pg_constraint WHERE contype = 'c' AND connamespace = 'public'::regnamespace",
    );
    const wordsOf = (definition: string): string[] =>
      [...definition.matchAll(/'([^']+)'/g)].map((match) => match[1] ?? "").sort();
    const inDatabase = new Map(rows.map((row) => [row.name, wordsOf(row.definition)]));
    const { PgDialect } = await import("drizzle-orm/pg-core");
    const dialect = new PgDialect();
    const checks = tables.flatMap((table) => table.checks);
    expect(checks.length).toBeGreaterThan(10);
    for (const check of checks) {
      expect(wordsOf(dialect.sqlToQuery(check.value).sql), check.name).toEqual(inDatabase.get(check.name));
    }
  });

  it("leave db:generate nothing to draft: the newest migration has its snapshot", async () => {
    const entries = JSON.parse(await readFile(join(defaultMigrationsDir, "meta/_journal.json"), "utf8")).entries;
    const prefix = String(entries.at(-1).idx).padStart(4, "0");
    const snapshot = JSON.parse(await readFile(join(defaultMigrationsDir, `meta/${prefix}_snapshot.json`), "utf8"));
    const inSnapshot = Object.values(snapshot.tables as Record<string, { name: string; columns: object }>);
    const columns = inSnapshot.map((table) => `${table.name} ${Object.keys(table.columns).sort().join(",")}`);
    const inSchema = tables.map(
      (table) =>
        `${table.name} ${table.columns
          .map((column) => column.name)
          .sort()
          .join(",")}`,
    );
    expect(columns.sort()).toEqual(inSchema.sort());
  });

  it("keep every snapshot's parent the one before it, or db:generate refuses to draft anything", async () => {
    const names = (await readdir(join(defaultMigrationsDir, "meta"))).filter((name) => name.endsWith("_snapshot.json"));
    let parent: string | undefined;
    for (const name of names.sort()) {
      const { id, prevId } = JSON.parse(await readFile(join(defaultMigrationsDir, "meta", name), "utf8"));
      if (parent !== undefined) expect([name, prevId]).toEqual([name, parent]);
      parent = id;
    }
    expect(names.length).toBeGreaterThan(1);
  });
});
