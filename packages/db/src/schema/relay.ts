import { sql } from "drizzle-orm";
import { foreignKey, index, jsonb, pgTable, timestamp, uuid } from "drizzle-orm/pg-core";
import { sandboxes } from "./fleet.ts";

/** The way to agents that dial out. Both tables are UNLOGGED in the migrations, which are the truth. */

export const agentRelays = pgTable(
  "agent_relays",
  {
    id: uuid().primaryKey().defaultRandom().notNull(),
    sandboxId: uuid("sandbox_id").notNull(),
    request: jsonb().notNull(),
    answer: jsonb(),
    createdAt: timestamp("created_at", { withTimezone: true }).defaultNow().notNull(),
    expiresAt: timestamp("expires_at", { withTimezone: true }).notNull(),
    handedAt: timestamp("handed_at", { withTimezone: true }),
  },
  (table) => [
    index("agent_relays_waiting")
      .on(table.sandboxId, table.createdAt)
      .where(sql`handed_at IS NULL`),
    foreignKey({
      columns: [table.sandboxId],
      foreignColumns: [sandboxes.id],
      name: "agent_relays_sandbox_id_fkey",
    }).onDelete("cascade"),
  ],
);

export const agentLinks = pgTable(
  "agent_links",
  {
    sandboxId: uuid("sandbox_id").primaryKey().notNull(),
    polledAt: timestamp("polled_at", { withTimezone: true }).notNull(),
  },
  (table) => [
    foreignKey({
      columns: [table.sandboxId],
      foreignColumns: [sandboxes.id],
      name: "agent_links_sandbox_id_fkey",
    }).onDelete("cascade"),
  ],
);
