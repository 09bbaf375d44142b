import { createHash } from "node:crypto";
import type { Sql } from "@valet/db";

/** Everything in the database, as one hash a table: equal before and after means that nothing was changed. */
export async function everything(db: Sql): Promise<Record<string, string>> {
  const { rows: tables } = await db.query<{ name: string }>(
    "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1",
  );
  const found: Record<string, string> = {};
  for (const { name } of tables) {
    const { rows } = await db.query<{ text: string }>(`SELECT t::text AS text FROM "${name}" t ORDER BY 1`);
    found[name] = createHash("sha256")
      .update(rows.map((row) => row.text).join("\n"))
      .digest("hex");
  }
  // The API's own sign of life goes on.
  delete found["control_heartbeats"];
  return found;
}
