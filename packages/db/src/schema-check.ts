import type { Sql } from "./sql.ts";

/** The runner's own table: there before the first migration, and after the last is taken back. */
const runnersOwn = "valet_migrations";

/** Tables of the public schema with their columns. */
export async function existingTables(sql: Sql): Promise<Record<string, string[]>> {
  const { rows } = await sql.query<{ name: string; columns: string[] }>(
    `SELECT table_name AS name, array_agg(column_name::text ORDER BY ordinal_position) AS columns
     FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> $1 GROUP BY table_name ORDER BY table_name`,
    [runnersOwn],
  );
  return Object.fromEntries(rows.map((row) => [row.name, row.columns]));
}

/** What is expected and not there, as `table` or `table.column`. More than expected is no fault. */
export function missingFrom(
  expected: Readonly<Record<string, readonly string[]>>,
  found: Readonly<Record<string, readonly string[]>>,
): string[] {
  return Object.entries(expected).flatMap(([table, columns]) => {
    const there = found[table];
    if (!there) return [table];
    return columns.filter((column) => !there.includes(column)).map((column) => `${table}.${column}`);
  });
}
