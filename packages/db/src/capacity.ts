import type { Environment } from "@valet/shared";
import type { Sql } from "./sql.ts";
import { notBuilt } from "./not-built.ts";

/** Lowest share of usable slots in the time given, from slot_changes; null when there are no slots. */
export async function minCapacityPct(
  _sql: Sql,
  _query: { environment: Environment; from: Date; to: Date; sandboxIds?: readonly string[] },
): Promise<number | null> {
  return notBuilt();
}
