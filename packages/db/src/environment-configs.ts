import type { Environment, Result } from "@valet/shared";
import { err, ok } from "@valet/shared";
import type { JsonObject, Sql } from "./sql.ts";

/** One version of an environment's part of rollout.yml. */
export interface EnvironmentConfigRow {
  environment: Environment;
  version: number;
  /** As it was given: YAML or JSON, comments and all. */
  source: string;
  /** What it means; whoever reads it parses it with the schema in packages/contracts. */
  config: JsonObject;
  createdBy: string;
  createdAt: Date;
}
export interface ConfigMoved {
  kind: "config_moved";
  found: number;
  message: string;
}

const columns = `environment, version, source, config, created_by AS "createdBy", created_at AS "createdAt"`;

/** The version that counts: the newest. Undefined: nobody has configured this environment. */
export async function getEnvironmentConfig(
  sql: Sql,
  environment: Environment,
): Promise<EnvironmentConfigRow | undefined> {
  const { rows } = await sql.query<EnvironmentConfigRow>(
    `SELECT ${columns} FROM environment_configs WHERE environment = $1 ORDER BY version DESC LIMIT 1`,
    [environment],
  );
  return rows[0];
}

/** Adds the next version, if the newest still is `expectedVersion` (0: there is none). Of two at the same time one wins. */
export async function putEnvironmentConfig(
  sql: Sql,
  input: Omit<EnvironmentConfigRow, "version" | "createdAt"> & { expectedVersion: number },
): Promise<Result<EnvironmentConfigRow, ConfigMoved>> {
  const { environment, expectedVersion, source, config, createdBy } = input;
  const { rows } = await sql.query<EnvironmentConfigRow>(
    `INSERT INTO environment_configs (environment, version, source, config, created_by)
     SELECT $1, $2::bigint + 1, $3, $4, $5
     WHERE (SELECT coalesce(max(version), 0) FROM environment_configs WHERE environment = $1) = $2::bigint
     ON CONFLICT (environment, version) DO NOTHING RETURNING ${columns}`,
    [environment, expectedVersion, source, JSON.stringify(config), createdBy],
  );
  if (rows[0]) return ok(rows[0]);
  const newest = await getEnvironmentConfig(sql, environment);
  const found = newest?.version ?? 0;
  const whose = newest ? `, put by ${newest.createdBy}` : "";
  const message = `the configuration of ${environment} is at version ${found} now${whose}, not at ${expectedVersion}: look at it and try again`;
  return err({ kind: "config_moved", found, message });
}
