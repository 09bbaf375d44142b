import { createHash, randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { openDatabase } from "./database.ts";
import type { Database } from "./database.ts";
import { startEmbeddedPostgres } from "./embedded/start.ts";
import { withAdvisoryLock } from "./advisory-lock.ts";
import { readMigrations } from "./migration-files.ts";
import { migrate } from "./migrations.ts";
import { ensureTenant } from "./tenants.ts";
import { postgresUnderTest } from "./testing/postgres-under-test.ts";

export interface TestDatabase {
  url: string;
  db: Database;
  drop(): Promise<void>;
}

const idleMs = 20_000;
const templateLock = 7_261_002;

/**
 * A migrated database of its own (environment `dev`, tenant `test`). All of them share one scratch server a machine and version, which
 * ends 20 s after the last process that used it.
 */
export async function createTestDatabase(options: { max?: number } = {}): Promise<TestDatabase> {
  const migrations = await readMigrations();
  const digest = createHash("sha256");
  for (const migration of migrations) digest.update(migration.checksum);
  const version = digest.digest("hex").slice(0, 10);
  const binariesDir = postgresUnderTest();
  const other = binariesDir ? `-${createHash("sha256").update(binariesDir).digest("hex").slice(0, 8)}` : "";
  const dataDir = join(tmpdir(), `valet-test-postgres-${process.getuid?.() ?? 0}${other}`);
  // Never stopped here: the next test file adopts it, and its keeper ends it when the run is over.
  const server = await startEmbeddedPostgres({ dataDir, binariesDir, isScratch: true, idleMs });
  const name = `test_${randomBytes(6).toString("hex")}`;
  await cloneTemplate(server.url, `template_${version}`, name);
  const url = withDatabase(server.url, name);
  const db = openDatabase({ url, max: options.max ?? 10, applicationName: name });
  return {
    url,
    db,
    async drop() {
      await db.close();
      await withClient(server.url, async (client) => {
        await client.query(`DROP DATABASE IF EXISTS ${pg.escapeIdentifier(name)} WITH (FORCE)`);
      });
    },
  };
}

async function cloneTemplate(serverUrl: string, template: string, name: string): Promise<void> {
  await withClient(serverUrl, (client) =>
    // A template must not be in use while it is copied.
    withAdvisoryLock(client, templateLock, 60_000, async () => {
      const { rowCount } = await client.query("SELECT 1 FROM pg_database WHERE datname = $1", [template]);
      if (rowCount === 0) await makeTemplate(client, serverUrl, template);
      await client.query(`CREATE DATABASE ${pg.escapeIdentifier(name)} TEMPLATE ${pg.escapeIdentifier(template)}`);
    }),
  );
}

/** Built under another name first: a kill in the middle leaves no half-made template. */
async function makeTemplate(client: pg.Client, serverUrl: string, template: string): Promise<void> {
  const half = pg.escapeIdentifier(`${template}_half`);
  await client.query(`DROP DATABASE IF EXISTS ${half} WITH (FORCE)`);
  await client.query(`CREATE DATABASE ${half}`);
  const url = withDatabase(serverUrl, `${template}_half`);
  await migrate(url, { environment: "dev" });
  const db = openDatabase({ url, max: 1, applicationName: "template" });
  await ensureTenant(db, "test", "Test");
  await db.close();
  await client.query(`ALTER DATABASE ${half} RENAME TO ${pg.escapeIdentifier(template)}`);
}

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

function withDatabase(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.toString();
}
