import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { readConfig } from "./config.ts";
import { openDatabase } from "./database.ts";
import { defaultMigrationsDir, readJournalTags } from "./migration-files.ts";
import { existingTables } from "./schema-check.ts";

/**
 * `db:record`: applies the migrations one by one to an EMPTY scratch database (DATABASE_URL) and writes what is there after each:
 * the record that `migrate` proves a database against.
 */
async function main(): Promise<void> {
  const db = openDatabase({ url: readConfig().DATABASE_URL, applicationName: "valet record tables", max: 1 });
  try {
    if (Object.keys(await existingTables(db)).length > 0)
      throw new Error("this database is not empty: give a scratch one");
    for (const tag of await readJournalTags(defaultMigrationsDir)) {
      await db.query(await readFile(join(defaultMigrationsDir, `${tag}.sql`), "utf8"));
      const text = `${JSON.stringify(await existingTables(db), null, 2)}\n`;
      await writeFile(join(defaultMigrationsDir, `tables/${tag}.json`), text);
    }
  } finally {
    await db.close();
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`record tables: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
