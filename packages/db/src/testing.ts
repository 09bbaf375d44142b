import type { Database } from "./database.ts";
import { notBuilt } from "./not-built.ts";
export interface TestDatabase {
  url: string;
  db: Database;
  drop(): Promise<void>;
}
/** A migrated database of its own (environment `dev`, tenant `test`), on one server a machine that ends when nobody uses it. */
export async function createTestDatabase(): Promise<TestDatabase> {
  return notBuilt();
}
