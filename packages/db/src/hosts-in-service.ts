import type { Environment } from "@valet/shared";
import type { Sql } from "./sql.ts";

/** How many sandboxes a deploy of the whole environment would concern. */
export async function hostsInService(sql: Sql, environment: Environment): Promise<number> {
  const { rows } = await sql.query<{ hosts: number }>(
    `SELECT count(*) AS hosts FROM sandboxes
     WHERE environment = $1 AND state IN ('provisioning', 'active', 'deploying', 'unhealthy')`,
    [environment],
  );
  return rows[0]?.hosts ?? 0;
}
