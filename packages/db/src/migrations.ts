import pg from "pg";
import type { Environment } from "@valet/shared";
import { withAdvisoryLock } from "./advisory-lock.ts";
import { claimEnvironment } from "./environment-mark.ts";
import { readMigrations } from "./migration-files.ts";
import type { Migration } from "./migration-files.ts";
import { existingTables, missingFrom } from "./schema-check.ts";
import type { Sql } from "./sql.ts";

export interface MigrateOptions {
  environment: Environment;
  /** Default: packages/db/drizzle. */
  migrationsDir?: string;
  lockDeadlineMs?: number;
}
export interface MigrateResult {
  applied: string[];
  /** The schema is newer than this program, and says that programs as old as this one still work. */
  newer: boolean;
}
interface JournalRow {
  index: number;
  tag: string;
  checksum: string;
  compatibleSince: number;
}

const lockKey = 7_261_000;
const lockDeadlineMs = 120_000;

/**
 * Brings the database to the newest schema, marks its environment, and proves that what the journal says is there. Throws on
 * any error. Give the direct address: a transaction pooler breaks the lock (F39).
 */
export async function migrate(url: string, options: MigrateOptions): Promise<MigrateResult> {
  const known = await readMigrations(options.migrationsDir);
  return withConnection(url, (client, sql) =>
    withAdvisoryLock(client, lockKey, options.lockDeadlineMs ?? lockDeadlineMs, async () => {
      await refuseOtherEnvironment(sql, options.environment);
      const journal = await readJournal(sql);
      refuseForeignHistory(known, journal);
      const pending = known.filter((migration) => !journal.some((row) => row.tag === migration.tag));
      const newest = journal.at(-1);
      const ourNewest = known.at(-1)?.index ?? 0;
      const isNewer = newest !== undefined && newest.index > ourNewest;
      if (isNewer) refuseIncompatible(newest, ourNewest);
      for (const migration of pending) await apply(client, migration);
      // A newer schema may have dropped what only newer programs must not need; it has its own record.
      if (!isNewer) await verify(sql, known);
      const claimed = await claimEnvironment(sql, options.environment);
      if (!claimed.ok) throw new Error(claimed.error.message);
      return { applied: pending.map((migration) => migration.tag), newer: isNewer };
    }),
  );
}

/** Takes the newest migrations back, down to (and keeping) `to`; without it, all of them. Returns their tags. */
export async function migrateDown(
  url: string,
  options: { to?: string; environment: Environment; migrationsDir?: string },
): Promise<string[]> {
  const known = await readMigrations(options.migrationsDir);
  return withConnection(url, (client, sql) =>
    withAdvisoryLock(client, lockKey, lockDeadlineMs, async () => {
      await refuseOtherEnvironment(sql, options.environment);
      const journal = await readJournal(sql);
      if (options.to !== undefined && !journal.some((row) => row.tag === options.to)) {
        throw new Error(`migration ${options.to} is not applied here: nothing was taken back`);
      }
      const stopAt = journal.find((row) => row.tag === options.to)?.index ?? -1;
      const leaving = journal.filter((row) => row.index > stopAt).reverse();
      for (const row of leaving) {
        const migration = known.find((candidate) => candidate.tag === row.tag);
        if (!migration)
          throw new Error(`this program does not know migration ${row.tag}: take it back with a newer one`);
        await inTransaction(client, async () => {
          await client.query(migration.downSql);
          await client.query("DELETE FROM valet_migrations WHERE tag = $1", [row.tag]);
        });
      }
      return leaving.map((row) => row.tag);
    }),
  );
}

async function withConnection<T>(url: string, work: (client: pg.Client, sql: Sql) => Promise<T>): Promise<T> {
  const client = new pg.Client({
    connectionString: url,
    application_name: "valet migrate",
    connectionTimeoutMillis: 15_000,
    lock_timeout: 30_000,
  });
  await client.connect();
  try {
    const sql: Sql = {
      async query(text, values) {
        const { rows, rowCount } = await client.query(text, values as unknown[] | undefined);
        return { rows, rowCount: rowCount ?? 0 };
      },
    };
    return await work(client, sql);
  } finally {
    await client.end();
  }
}

async function inTransaction(client: pg.Client, work: () => Promise<void>): Promise<void> {
  await client.query("BEGIN");
  try {
    await work();
    await client.query("COMMIT");
  } catch (error) {
    await client.query("ROLLBACK");
    throw error;
  }
}

async function apply(client: pg.Client, migration: Migration): Promise<void> {
  try {
    await inTransaction(client, async () => {
      await client.query(migration.sql);
      await client.query(
        "INSERT INTO valet_migrations (tag, index, checksum, compatible_since) VALUES ($1, $2, $3, $4)",
        [migration.tag, migration.index, migration.checksum, migration.compatibleSince],
      );
    });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`migration ${migration.tag} failed and was rolled back: ${reason}`, { cause });
  }
}

/** Called under the lock: two that create a table at once can fail, even with IF NOT EXISTS. */
async function readJournal(sql: Sql): Promise<JournalRow[]> {
  await sql.query(
    `CREATE TABLE IF NOT EXISTS valet_migrations (
       tag text PRIMARY KEY, index integer NOT NULL, checksum text NOT NULL, compatible_since integer NOT NULL,
       applied_at timestamptz NOT NULL DEFAULT now())`,
  );
  const { rows } = await sql.query<JournalRow>(
    `SELECT tag, index, checksum, compatible_since AS "compatibleSince" FROM valet_migrations ORDER BY index`,
  );
  return rows;
}

async function refuseOtherEnvironment(sql: Sql, environment: Environment): Promise<void> {
  const { rows } = await sql.query<{ found: boolean }>("SELECT to_regclass('valet_meta') IS NOT NULL AS found");
  if (!rows[0]?.found) return;
  const claimed = await claimEnvironment(sql, environment);
  if (!claimed.ok) throw new Error(claimed.error.message);
}

function refuseForeignHistory(known: readonly Migration[], journal: readonly JournalRow[]): void {
  const newestApplied = journal.at(-1)?.index ?? 0;
  for (const migration of known) {
    const row = journal.find((candidate) => candidate.tag === migration.tag);
    if (row && row.checksum !== migration.checksum) {
      throw new Error(`migration ${migration.tag} was changed after it was applied here: add a new one instead`);
    }
    if (!row && migration.index < newestApplied) {
      throw new Error(
        `migration ${migration.tag} was added behind newer ones that are applied: give it the next number`,
      );
    }
  }
}

function refuseIncompatible(newest: JournalRow, ourNewest: number): void {
  if (newest.compatibleSince <= ourNewest) return;
  throw new Error(
    `the schema is at ${newest.tag}, which needs programs that know migration ${newest.compatibleSince}; this one knows ${ourNewest}`,
  );
}

async function verify(sql: Sql, known: readonly Migration[]): Promise<void> {
  const newest = known.at(-1);
  if (!newest) return;
  const missing = missingFrom(newest.tables, await existingTables(sql));
  if (missing.length === 0) return;
  throw new Error(`the journal says ${newest.tag} is applied, but the database lacks ${missing.join(", ")}`);
}
