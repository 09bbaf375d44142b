import { sql } from "drizzle-orm";
import type { SQL } from "drizzle-orm";
import { customType } from "drizzle-orm/pg-core";

/** CHECK that a text column holds one of a list that packages/shared defines. */
export function oneOf(column: string, values: readonly string[]): SQL {
  return sql.raw(`${column} IN (${values.map((value) => `'${value}'`).join(", ")})`);
}

export const bytea = customType<{ data: Buffer }>({ dataType: () => "bytea" });

/** Number of a transaction, 64 bits wide: never used twice. */
export const xid8 = customType<{ data: string }>({ dataType: () => "xid8" });
