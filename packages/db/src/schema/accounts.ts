import { roles } from "@valet/shared";
import { bigint, boolean, check, foreignKey, pgTable, text, timestamp, unique, uuid } from "drizzle-orm/pg-core";
import { oneOf } from "./column-kinds.ts";

/** Who may do what, and the marks of the installation. Written for drizzle-kit, which compares it with the last snapshot; migrations are the truth. */

export const valetMeta = pgTable("valet_meta", {
  key: text().primaryKey().notNull(),
  value: text().notNull(),
});

export const tenants = pgTable("tenants", {
  id: text().primaryKey().notNull(),
  name: text().notNull(),
  lastServed: bigint("last_served", { mode: "number" }).default(0).notNull(),
  createdAt: timestamp("created_at", { withTimezone: true }).defaultNow().notNull(),
});

export const apiTokens = pgTable(
  "api_tokens",
  {
    id: uuid().defaultRandom().primaryKey().notNull(),
    tenantId: text("tenant_id").notNull(),
    role: text().notNull(),
    name: text().notNull(),
    tokenHash: text("token_hash").notNull(),
    createdAt: timestamp("created_at", { withTimezone: true }).defaultNow().notNull(),
    revokedAt: timestamp("revoked_at", { withTimezone: true }),
  },
  (table) => [
    foreignKey({
      columns: [table.tenantId],
      foreignColumns: [tenants.id],
      name: "api_tokens_tenant_id_fkey",
    }),
    unique("api_tokens_token_hash_key").on(table.tokenHash),
    check("api_tokens_role_check", oneOf("role", roles)),
  ],
);

export const loginLinks = pgTable(
  "login_links",
  {
    tokenHash: text("token_hash").primaryKey().notNull(),
    tenantId: text("tenant_id").notNull(),
    role: text().notNull(),
    expiresAt: timestamp("expires_at", { withTimezone: true }).notNull(),
    usedAt: timestamp("used_at", { withTimezone: true }),
  },
  (table) => [
    foreignKey({
      columns: [table.tenantId],
      foreignColumns: [tenants.id],
      name: "login_links_tenant_id_fkey",
    }),
    check("login_links_role_check", oneOf("role", roles)),
  ],
);

export const settings = pgTable("settings", {
  environment: text().primaryKey().notNull(),
  autoDeploy: boolean("auto_deploy").default(false).notNull(),
});
