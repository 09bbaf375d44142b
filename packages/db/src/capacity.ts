import type { Environment } from "@valet/shared";
import type { Sql } from "./sql.ts";

export interface CapacityQuery {
  environment: Environment;
  from: Date;
  to: Date;
  /** Only these; default: every active sandbox of the environment. */
  sandboxIds?: readonly string[];
}

/**
 * Lowest share of usable slots (busy, being renewed, or accepting) over all slots between two moments, in percent, recomputed from
 * slot_changes. Null when there were no slots. Counts sandboxes that are in service now.
 */
export async function minCapacityPct(sql: Sql, query: CapacityQuery): Promise<number | null> {
  const { rows } = await sql.query<{ lowest: number | null }>(
    `WITH change AS (
       SELECT c.at, c.id, c.state <> 'offline' AND c.state <> 'gone' AS usable, c.state <> 'gone' AS present,
         lag(c.state <> 'offline' AND c.state <> 'gone', 1, false) OVER slot AS was_usable,
         lag(c.state <> 'gone', 1, false) OVER slot AS was_present
       FROM slot_changes c JOIN sandboxes s ON s.id = c.sandbox_id
       WHERE s.environment = $1 AND s.state IN ('active', 'deploying') AND c.at <= $3
         AND ($4::uuid[] IS NULL OR s.id = ANY ($4))
       WINDOW slot AS (PARTITION BY c.sandbox_id, c.index ORDER BY c.at, c.id)),
     total AS (
       SELECT at, sum(usable::int - was_usable::int) OVER moment AS usable, sum(present::int - was_present::int) OVER moment AS present
       FROM change WINDOW moment AS (ORDER BY at RANGE UNBOUNDED PRECEDING))
     SELECT min(100.0 * usable / present)::float8 AS lowest FROM (
       SELECT usable, present FROM total WHERE at > $2
       UNION ALL
       (SELECT usable, present FROM total WHERE at <= $2 ORDER BY at DESC LIMIT 1)) AS seen
     WHERE present > 0`,
    [query.environment, query.from, query.to, query.sandboxIds ?? null],
  );
  return rows[0]?.lowest ?? null;
}
