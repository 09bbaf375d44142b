import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { z } from "zod";

/** One numbered migration, with its way back and what the schema looks like after it. */
export interface Migration {
  index: number;
  tag: string;
  sql: string;
  downSql: string;
  checksum: string;
  /** Programs that know the schema up to this number still work after it. */
  compatibleSince: number;
  /** Every table with its columns once this migration ran. */
  tables: Record<string, string[]>;
}

const journalSchema = z.object({ entries: z.array(z.object({ idx: z.number().int(), tag: z.string() })).min(1) });
const tablesSchema = z.record(z.string(), z.array(z.string()));

/** packages/db/drizzle, beside src and beside dist. */
export const defaultMigrationsDir = fileURLToPath(new URL("../drizzle/", import.meta.url));

/** Tags of the journal, in order. */
export async function readJournalTags(folder: string): Promise<string[]> {
  return (await readJournal(folder)).map((entry) => entry.tag);
}

async function readJournal(folder: string): Promise<z.infer<typeof journalSchema>["entries"]> {
  return journalSchema.parse(JSON.parse(await readFile(join(folder, "meta/_journal.json"), "utf8"))).entries;
}

/** The journal's migrations in order. Throws when a file is missing: a migration without its way back is none. */
export async function readMigrations(folder = defaultMigrationsDir): Promise<Migration[]> {
  const migrations = await Promise.all(
    (await readJournal(folder)).map(async ({ idx, tag }) => {
      const sql = await readFile(join(folder, `${tag}.sql`), "utf8");
      const downSql = await readFile(join(folder, `${tag}.down.sql`), "utf8");
      const tables = tablesSchema.parse(JSON.parse(await readFile(join(folder, `tables/${tag}.json`), "utf8")));
      const checksum = createHash("sha256").update(sql).digest("hex");
      const since = /^-- compatible-since: (\d+)$/m.exec(sql)?.[1];
      return { index: idx, tag, sql, downSql, checksum, compatibleSince: since ? Number(since) : idx, tables };
    }),
  );
  for (const [position, migration] of migrations.entries()) {
    const before = migrations[position - 1];
    if (before && before.index >= migration.index) {
      throw new Error(`the journal lists ${before.tag} before ${migration.tag}: numbers must grow`);
    }
  }
  return migrations;
}
