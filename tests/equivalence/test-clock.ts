import { createTestDatabase, openDatabase, type Database, type Tx } from "@valet/db";

/** A database whose clock and ids are the test's. */
export interface ClockedDatabase {
  db: Database;
  drop(): Promise<void>;
}

/**
 * Product code is as it is: this database merely finds our `now()`, `clock_timestamp()` and `gen_random_uuid()` before its own, and
 * column defaults are bound to them anew. One connection, since the time is a setting of the session.
 */
export async function createClockedDatabase(): Promise<ClockedDatabase> {
  const test = await createTestDatabase({ max: 1 });
  await test.db.query(`DO $$ BEGIN
    EXECUTE format('ALTER DATABASE %I SET search_path = test_clock, pg_catalog, public', current_database());
  END $$`);
  await test.db.query(`
    CREATE SCHEMA test_clock;
    CREATE SEQUENCE test_clock.ids;
    CREATE FUNCTION test_clock.now() RETURNS timestamptz LANGUAGE sql STABLE AS
      $$ SELECT 'epoch'::timestamptz + current_setting('test.now_ms')::float8 * interval '1 millisecond' $$;
    CREATE FUNCTION test_clock.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS
      $$ SELECT 'epoch'::timestamptz + current_setting('test.now_ms')::float8 * interval '1 millisecond' $$;
    CREATE FUNCTION test_clock.gen_random_uuid() RETURNS uuid LANGUAGE sql VOLATILE AS
      $$ SELECT md5(current_setting('test.seed') || ' ' || nextval('test_clock.ids'))::uuid $$;
    SET search_path = test_clock, pg_catalog, public;
    DO $$ DECLARE found record; BEGIN
      FOR found IN SELECT table_name, column_name, column_default FROM information_schema.columns
        WHERE table_schema = 'public'
          AND column_default ~ '^(pg_catalog\\.)?(now|clock_timestamp|gen_random_uuid)\\(\\)$'
      LOOP
        EXECUTE format('ALTER TABLE public.%I ALTER COLUMN %I SET DEFAULT %s', found.table_name, found.column_name,
          replace(found.column_default, 'pg_catalog.', ''));
      END LOOP;
    END $$`);
  const db = openDatabase({ url: test.url, max: 1, applicationName: "equivalence" });
  return {
    db,
    async drop() {
      await db.close();
      await test.drop();
    },
  };
}

/** Starts the ids of this transaction anew: the same seed gives the same. */
export async function seedIds(tx: Tx, seed: number): Promise<void> {
  await tx.query("SELECT setval('test_clock.ids', 1), set_config('test.seed', $1, true)", [String(seed)]);
}

export async function setNow(tx: Tx, nowMs: number): Promise<void> {
  await tx.query("SELECT set_config('test.now_ms', $1, true)", [String(nowMs)]);
}
