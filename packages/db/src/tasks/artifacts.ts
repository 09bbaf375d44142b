import type { Result } from "@valet/shared";
import type { Sql } from "../sql.ts";
import type { AttemptKey } from "../heartbeat.ts";
import type { ArtifactRow } from "./task-row.ts";
import { notBuilt } from "../not-built.ts";

/** Stores evidence of an attempt once; the same name again gives the stored one. Error: no such attempt of this sandbox. */
export async function storeArtifact(
  _sql: Sql,
  _input: { sandboxId: string; taskId: string; fence: number; name: string; contentType: string; content: Buffer },
): Promise<Result<ArtifactRow, { kind: "unknown_attempt"; message: string }>> {
  return notBuilt();
}
export async function readArtifact(
  _sql: Sql,
  _id: string,
  _tenantId?: string,
): Promise<(ArtifactRow & { content: Buffer }) | undefined> {
  return notBuilt();
}
export type { AttemptKey };
