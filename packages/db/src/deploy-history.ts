import type { DeployState } from "@valet/shared";
import type { DecisionRow } from "./deploy-row.ts";
import type { JsonObject, Sql } from "./sql.ts";

export interface HistoryRow {
  revision: number;
  at: Date;
  state: DeployState;
  input: JsonObject;
  decisions: DecisionRow[];
}

/** Saves of a deploy after a revision, oldest first, each with the decisions that it stored. */
export async function deployHistory(sql: Sql, deployId: string, after: number, limit: number): Promise<HistoryRow[]> {
  const { rows } = await sql.query<Omit<HistoryRow, "decisions">>(
    `SELECT revision, at, state, input FROM deploy_journal WHERE deploy_id = $1 AND revision > $2 ORDER BY revision LIMIT $3`,
    [deployId, after, limit],
  );
  const { rows: decisions } = await sql.query<DecisionRow & { revision: number }>(
    `SELECT seq, at, actor, summary, data, revision FROM deploy_decisions
     WHERE deploy_id = $1 AND revision > $2 AND revision <= $3 ORDER BY seq`,
    [deployId, after, rows.at(-1)?.revision ?? after],
  );
  const byRevision = new Map<number, DecisionRow[]>();
  for (const { revision, ...decision } of decisions) {
    byRevision.set(revision, [...(byRevision.get(revision) ?? []), decision]);
  }
  return rows.map((row) => ({ ...row, decisions: byRevision.get(row.revision) ?? [] }));
}
