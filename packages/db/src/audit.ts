import { createHash } from "node:crypto";
import { err, ok } from "@valet/shared";
import type { Result } from "@valet/shared";
import { canonicalJson } from "@valet/shared";
import type { JsonObject, PageQuery, Page, Sql, Tx } from "./sql.ts";

export interface AuditEntry {
  /** Who did it: a token's name, `webhook`, `control`. */
  actor: string;
  /** What, e.g. `deploy.trigger`. */
  action: string;
  /** To what: an id or a name. */
  subject: string;
  data?: JsonObject;
}
export interface AuditRow {
  seq: number;
  at: Date;
  actor: string;
  action: string;
  subject: string;
  data: JsonObject;
  prevHash: string;
  hash: string;
}
export interface AuditBreak {
  kind: "broken_chain";
  seq: number;
  message: string;
}

const lockKey = 7_261_001;
const genesis = "0".repeat(64);
const columns = `seq, at, actor, action, subject, data, prev_hash AS "prevHash", hash`;

/** sha256 over the previous hash and the canonical JSON of the row. */
export function auditHash(prevHash: string, row: Omit<AuditRow, "prevHash" | "hash">): string {
  const { seq, at, actor, action, subject, data } = row;
  const body = canonicalJson({ seq, at: at.toISOString(), actor, action, subject, data });
  return createHash("sha256")
    .update(prevHash + body)
    .digest("hex");
}

/**
 * Appends to the chain, in the transaction of the change itself. Writers wait for each other until commit, so call it last.
 */
export async function appendAudit(tx: Tx, input: AuditEntry | readonly AuditEntry[]): Promise<void> {
  const entries = Array.isArray(input) ? (input as readonly AuditEntry[]) : [input as AuditEntry];
  if (entries.length === 0) return;
  await tx.query("SELECT pg_advisory_xact_lock($1)", [lockKey]);
  const { rows } = await tx.query<{ at: Date; seq: number | null; hash: string | null }>(
    `SELECT date_trunc('milliseconds', clock_timestamp()) AS at, last.seq, last.hash
     FROM (SELECT 1) AS one LEFT JOIN LATERAL (SELECT seq, hash FROM audit_log ORDER BY seq DESC LIMIT 1) AS last ON true`,
  );
  const at = rows[0]?.at ?? new Date(0);
  let seq = rows[0]?.seq ?? 0;
  let prevHash = rows[0]?.hash ?? genesis;
  const chained = entries.map((entry) => {
    seq += 1;
    // What the column gives back later: undefined dropped, dates as text.
    const data = JSON.parse(JSON.stringify(entry.data ?? {})) as JsonObject;
    const row = { seq, at, actor: entry.actor, action: entry.action, subject: entry.subject, data };
    const hash = auditHash(prevHash, row);
    const full = { ...row, prevHash, hash };
    prevHash = hash;
    return full;
  });
  await tx.query(
    `INSERT INTO audit_log (seq, at, actor, action, subject, data, prev_hash, hash)
     SELECT * FROM unnest($1::bigint[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::jsonb[], $7::text[], $8::text[])`,
    [
      chained.map((r) => r.seq),
      chained.map((r) => r.at),
      chained.map((r) => r.actor),
      chained.map((r) => r.action),
      chained.map((r) => r.subject),
      chained.map((r) => JSON.stringify(r.data)),
      chained.map((r) => r.prevHash),
      chained.map((r) => r.hash),
    ],
  );
}

/** Recomputes the whole chain, a thousand rows at a time. The error names the first row that does not fit. */
export async function verifyAuditChain(sql: Sql): Promise<Result<{ rows: number; head: string }, AuditBreak>> {
  let seq = 0;
  let prevHash = genesis;
  for (;;) {
    const { rows } = await sql.query<AuditRow>(
      `SELECT ${columns} FROM audit_log WHERE seq > $1 ORDER BY seq LIMIT 1000`,
      [seq],
    );
    for (const row of rows) {
      const problem = problemOf(row, seq, prevHash);
      if (problem) return err({ kind: "broken_chain", seq: row.seq, message: problem });
      seq = row.seq;
      prevHash = row.hash;
    }
    if (rows.length < 1000) return ok({ rows: seq, head: prevHash });
  }
}

function problemOf(row: AuditRow, lastSeq: number, prevHash: string): string | undefined {
  if (row.seq !== lastSeq + 1) return `audit row ${lastSeq + 1} is missing`;
  if (row.prevHash !== prevHash) return `audit row ${row.seq} does not follow row ${lastSeq}`;
  if (auditHash(prevHash, row) !== row.hash) return `audit row ${row.seq} was changed after it was written`;
  return undefined;
}

/** Newest first, unless asked otherwise. */
export async function listAudit(sql: Sql, query: PageQuery & { subject?: string }): Promise<Page<AuditRow>> {
  const where = `($1::text IS NULL OR subject = $1)
    AND ($2::text IS NULL OR actor ILIKE '%' || $2 || '%' OR action ILIKE '%' || $2 || '%')`;
  const values = [query.subject ?? null, query.search ?? null];
  const { rows } = await sql.query<AuditRow>(
    `SELECT ${columns} FROM audit_log WHERE ${where}
     ORDER BY seq ${query.sortOrder === "asc" ? "ASC" : "DESC"} LIMIT $3 OFFSET $4`,
    [...values, query.pageSize, (query.page - 1) * query.pageSize],
  );
  const { rows: counted } = await sql.query<{ total: number }>(
    `SELECT count(*) AS total FROM audit_log WHERE ${where}`,
    values,
  );
  return { rows, total: counted[0]?.total ?? 0 };
}
