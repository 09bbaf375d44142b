import { createHash } from "node:crypto";
import { err, ok } from "@valet/shared";
import type { Result } from "@valet/shared";
import type { Sql } from "../sql.ts";
import type { ArtifactRow } from "./task-row.ts";

export interface NewArtifact {
  sandboxId: string;
  taskId: string;
  fence: number;
  name: string;
  contentType: string;
  content: Buffer;
}
export interface UnknownAttempt {
  kind: "unknown_attempt";
  message: string;
}

const columns = `id, task_id AS "taskId", fence, name, content_type AS "contentType", sha256, octet_length(content) AS bytes,
  created_at AS "createdAt"`;

/** Stores evidence of an attempt once, late or not; the same name again gives what is stored. Error: not this sandbox's attempt. */
export async function storeArtifact(sql: Sql, input: NewArtifact): Promise<Result<ArtifactRow, UnknownAttempt>> {
  const sha256 = createHash("sha256").update(input.content).digest("hex");
  await sql.query(
    `INSERT INTO artifacts (task_id, fence, name, content_type, sha256, content)
     SELECT task_id, fence, $4, $5, $6, $7 FROM attempts WHERE task_id = $1 AND fence = $2 AND sandbox_id = $3
     ON CONFLICT (task_id, fence, name) DO NOTHING`,
    [input.taskId, input.fence, input.sandboxId, input.name, input.contentType, sha256, input.content],
  );
  const { rows } = await sql.query<ArtifactRow>(
    `SELECT ${columns} FROM artifacts WHERE task_id = $1 AND fence = $2 AND name = $3
       AND EXISTS (SELECT 1 FROM attempts WHERE task_id = $1 AND fence = $2 AND sandbox_id = $4)`,
    [input.taskId, input.fence, input.name, input.sandboxId],
  );
  if (rows[0]) return ok(rows[0]);
  return err({
    kind: "unknown_attempt",
    message: `task ${input.taskId} has no attempt ${input.fence} on this sandbox`,
  });
}

/** `tenantId` given: only that tenant's. */
export async function readArtifact(
  sql: Sql,
  id: string,
  tenantId?: string,
): Promise<(ArtifactRow & { content: Buffer }) | undefined> {
  const { rows } = await sql.query<ArtifactRow & { content: Buffer }>(
    `SELECT ${columns}, content FROM artifacts a WHERE a.id = $1
       AND ($2::text IS NULL OR EXISTS (SELECT 1 FROM tasks t WHERE t.id = a.task_id AND t.tenant_id = $2))`,
    [id, tenantId ?? null],
  );
  return rows[0];
}
