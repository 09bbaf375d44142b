import { err, ok } from "@valet/shared";
import type { Environment, Result } from "@valet/shared";
import type { Sql } from "./sql.ts";

export interface WrongEnvironment {
  kind: "wrong_environment";
  found: string;
  wanted: Environment;
  message: string;
}

/** The environment this database belongs to; undefined before its first migration. */
export async function databaseEnvironment(sql: Sql): Promise<string | undefined> {
  const { rows } = await sql.query<{ value: string }>("SELECT value FROM valet_meta WHERE key = 'environment'");
  return rows[0]?.value;
}

/** One database an environment: marks an unmarked one, and refuses one that belongs to another. */
export async function claimEnvironment(sql: Sql, wanted: Environment): Promise<Result<void, WrongEnvironment>> {
  await sql.query("INSERT INTO valet_meta (key, value) VALUES ('environment', $1) ON CONFLICT (key) DO NOTHING", [
    wanted,
  ]);
  const found = await databaseEnvironment(sql);
  if (found === wanted) return ok(undefined);
  return err({
    kind: "wrong_environment",
    found: found ?? "none",
    wanted,
    message: `this database belongs to ${found ?? "none"}, not to ${wanted}: check DATABASE_URL and VALET_ENVIRONMENT`,
  });
}
