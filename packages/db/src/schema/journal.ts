import { sql } from "drizzle-orm";
import { bigint, check, jsonb, pgTable, text, timestamp } from "drizzle-orm/pg-core";
import { oneOf, xid8 } from "./column-kinds.ts";

/** What happened: for auditors, for dashboards, and as proof of being awake. Written for drizzle-kit, which compares it with the last snapshot; migrations are the truth. */

export const auditLog = pgTable("audit_log", {
  seq: bigint({ mode: "number" }).primaryKey().notNull(),
  at: timestamp({ withTimezone: true }).notNull(),
  actor: text().notNull(),
  action: text().notNull(),
  subject: text().notNull(),
  data: jsonb().notNull(),
  prevHash: text("prev_hash").notNull(),
  hash: text().notNull(),
});

export const liveEvents = pgTable("live_events", {
  id: bigint({ mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
  type: text().notNull(),
  audience: text().notNull(),
  payload: jsonb().notNull(),
  at: timestamp({ withTimezone: true }).defaultNow().notNull(),
  writtenBy: xid8("written_by")
    .default(sql`pg_current_xact_id()`)
    .notNull(),
  /** Transactions below it were over when this was written. */
  horizon: xid8()
    .default(sql`pg_snapshot_xmin(pg_current_snapshot())`)
    .notNull(),
});

export const controlHeartbeats = pgTable(
  "control_heartbeats",
  {
    id: text().primaryKey().notNull(),
    kind: text().default("control").notNull(),
    at: timestamp({ withTimezone: true }).notNull(),
    resumedAt: timestamp("resumed_at", { withTimezone: true }),
  },
  () => [check("control_heartbeats_kind_check", oneOf("kind", ["control", "api"]))],
);
