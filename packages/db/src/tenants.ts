import type { Sql } from "./sql.ts";

export interface TenantRow {
  id: string;
  name: string;
  createdAt: Date;
}

/** Creates the tenant unless it exists; its name is not changed. */
export async function ensureTenant(sql: Sql, id: string, name: string): Promise<void> {
  await sql.query("INSERT INTO tenants (id, name) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING", [id, name]);
}

export async function listTenants(sql: Sql): Promise<TenantRow[]> {
  const { rows } = await sql.query<TenantRow>(
    `SELECT id, name, created_at AS "createdAt" FROM tenants ORDER BY id LIMIT 10000`,
  );
  return rows;
}
