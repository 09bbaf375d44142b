import type { DeployState } from "@valet/shared";
import type { JsonObject, Sql, Tx } from "./sql.ts";

/** One save of a deploy: what it was decided from, and a hash of what came out. `input` is the engine's own; opaque here. */
export interface JournalRow {
  revision: number;
  nowMs: number;
  state: DeployState;
  input: JsonObject;
  result: string;
}

/** In the transaction that saves the deploy: neither is ever there without the other. */
export async function appendJournal(tx: Tx, deployId: string, row: JournalRow): Promise<void> {
  await tx.query(
    "INSERT INTO deploy_journal (deploy_id, revision, now_ms, state, input, result) VALUES ($1, $2, $3, $4, $5, $6)",
    [deployId, row.revision, row.nowMs, row.state, JSON.stringify(row.input), row.result],
  );
}

/** Entries after a revision, oldest first. */
export async function journalAfter(
  sql: Sql,
  deployId: string,
  revision: number,
  limit = 1_000_000,
): Promise<(JournalRow & { at: Date })[]> {
  const { rows } = await sql.query<JournalRow & { at: Date }>(
    `SELECT revision, at, now_ms AS "nowMs", state, input, result FROM deploy_journal
     WHERE deploy_id = $1 AND revision > $2 ORDER BY revision LIMIT $3`,
    [deployId, revision, limit],
  );
  return rows;
}

/** Ids of every deploy that has a journal. */
export async function journalledDeployIds(sql: Sql): Promise<string[]> {
  const { rows } = await sql.query<{ id: string }>("SELECT DISTINCT deploy_id AS id FROM deploy_journal ORDER BY 1");
  return rows.map((row) => row.id);
}
