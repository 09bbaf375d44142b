import type { Environment } from "@valet/shared";
import { notBuilt } from "./not-built.ts";
export interface MigrateResult {
  applied: string[];
  /** The schema is newer than this program, and says that it may be. */
  newer: boolean;
}
/** Brings the database to the newest schema, marks its environment, and proves that what the journal says is there. */
export async function migrate(_url: string, _options: { environment: Environment }): Promise<MigrateResult> {
  return notBuilt();
}
/** Takes back the newest migrations, down to (and without) `to`; undefined: all. */
export async function migrateDown(_url: string, _options?: { to?: string }): Promise<string[]> {
  return notBuilt();
}
