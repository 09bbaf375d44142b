import type { Environment } from "@valet/shared";
import type { Sql } from "./sql.ts";

/** True when a deploy webhook starts its deploy by itself. */
export async function autoDeployOf(sql: Sql, environment: Environment): Promise<boolean> {
  const { rows } = await sql.query<{ auto: boolean }>(
    "SELECT auto_deploy AS auto FROM settings WHERE environment = $1",
    [environment],
  );
  return rows[0]?.auto ?? false;
}

export async function setAutoDeploy(sql: Sql, environment: Environment, isOn: boolean): Promise<void> {
  await sql.query(
    `INSERT INTO settings (environment, auto_deploy) VALUES ($1, $2)
     ON CONFLICT (environment) DO UPDATE SET auto_deploy = EXCLUDED.auto_deploy`,
    [environment, isOn],
  );
}
