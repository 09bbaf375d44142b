import {
  browserEngines,
  cordonHolderKinds,
  environments,
  generationStates,
  sandboxStates,
  slotStates,
} from "@valet/shared";
import { sql } from "drizzle-orm";
import {
  bigint,
  boolean,
  check,
  foreignKey,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  timestamp,
  unique,
  uniqueIndex,
  uuid,
} from "drizzle-orm/pg-core";
import { oneOf } from "./column-kinds.ts";

/** Sandboxes and what hangs on them. Written for drizzle-kit, which compares it with the last snapshot; migrations are the truth. */

export const sandboxes = pgTable(
  "sandboxes",
  {
    id: uuid().defaultRandom().primaryKey().notNull(),
    name: text().notNull(),
    environment: text().notNull(),
    instanceId: text("instance_id").notNull(),
    publicIp: text("public_ip").notNull(),
    agentPort: integer("agent_port").default(8000).notNull(),
    instanceType: text("instance_type").notNull(),
    browserEngine: text("browser_engine").notNull(),
    capacity: integer().notNull(),
    labels: jsonb().default({}).notNull(),
    state: text().default("provisioning").notNull(),
    stateReason: text("state_reason").default("").notNull(),
    revision: bigint({ mode: "number" }).default(1).notNull(),
    reachable: boolean().default(false).notNull(),
    lastSeenAt: timestamp("last_seen_at", { withTimezone: true }),
    epoch: bigint({ mode: "number" }).default(0).notNull(),
    targetGeneration: integer("target_generation"),
    planRevision: bigint("plan_revision", { mode: "number" }).default(1).notNull(),
    unacknowledgedInARow: integer("unacknowledged_in_a_row").default(0).notNull(),
    quarantinedUntil: timestamp("quarantined_until", { withTimezone: true }),
    tokenHash: text("token_hash").notNull(),
    agentKeySealed: text("agent_key_sealed").notNull(),
    createdAt: timestamp("created_at", { withTimezone: true }).defaultNow().notNull(),
    targetSlots: integer("target_slots"),
  },
  (table) => [
    index("sandboxes_environment").on(table.environment, table.state),
    unique("sandboxes_instance_id_key").on(table.instanceId),
    unique("sandboxes_token_hash_key").on(table.tokenHash),
    check("sandboxes_browser_engine_check", oneOf("browser_engine", browserEngines)),
    check("sandboxes_capacity_check", sql`capacity BETWEEN 1 AND 100`),
    check("sandboxes_environment_check", oneOf("environment", environments)),
    check("sandboxes_target_slots_check", sql`target_slots >= 1`),
    check("sandboxes_state_check", oneOf("state", sandboxStates)),
  ],
);

export const cordons = pgTable(
  "cordons",
  {
    sandboxId: uuid("sandbox_id").notNull(),
    holderKind: text("holder_kind").notNull(),
    holderId: text("holder_id").notNull(),
    reason: text().notNull(),
    createdAt: timestamp("created_at", { withTimezone: true }).defaultNow().notNull(),
  },
  (table) => [
    foreignKey({
      columns: [table.sandboxId],
      foreignColumns: [sandboxes.id],
      name: "cordons_sandbox_id_fkey",
    }).onDelete("cascade"),
    primaryKey({ columns: [table.sandboxId, table.holderKind, table.holderId], name: "cordons_pkey" }),
    check("cordons_holder_kind_check", oneOf("holder_kind", cordonHolderKinds)),
  ],
);

export const sessions = pgTable(
  "sessions",
  {
    id: uuid().defaultRandom().primaryKey().notNull(),
    sandboxId: uuid("sandbox_id").notNull(),
    bootId: text("boot_id").notNull(),
    version: text().notNull(),
    wire: integer().notNull(),
    openedAt: timestamp("opened_at", { withTimezone: true }).defaultNow().notNull(),
    lastHeartbeatAt: timestamp("last_heartbeat_at", { withTimezone: true }).defaultNow().notNull(),
    closedAt: timestamp("closed_at", { withTimezone: true }),
  },
  (table) => [
    uniqueIndex("sessions_one_live")
      .on(table.sandboxId)
      .where(sql`closed_at IS NULL`),
    foreignKey({
      columns: [table.sandboxId],
      foreignColumns: [sandboxes.id],
      name: "sessions_sandbox_id_fkey",
    }).onDelete("cascade"),
  ],
);

export const generations = pgTable(
  "generations",
  {
    sandboxId: uuid("sandbox_id").notNull(),
    number: integer().notNull(),
    state: text().notNull(),
    imageTag: text("image_tag").notNull(),
    imageDigest: text("image_digest").notNull(),
    workerBootId: text("worker_boot_id"),
    bootSeenAt: timestamp("boot_seen_at", { withTimezone: true }),
    accepting: boolean().default(false).notNull(),
    spareReady: boolean("spare_ready").default(false).notNull(),
    reportedAt: timestamp("reported_at", { withTimezone: true }).defaultNow().notNull(),
  },
  (table) => [
    foreignKey({
      columns: [table.sandboxId],
      foreignColumns: [sandboxes.id],
      name: "generations_sandbox_id_fkey",
    }).onDelete("cascade"),
    primaryKey({ columns: [table.sandboxId, table.number], name: "generations_pkey" }),
    check("generations_state_check", oneOf("state", generationStates)),
  ],
);

export const slots = pgTable(
  "slots",
  {
    id: uuid().defaultRandom().primaryKey().notNull(),
    sandboxId: uuid("sandbox_id").notNull(),
    index: integer().notNull(),
    generation: integer(),
    state: text().default("offline").notNull(),
    taskId: uuid("task_id"),
    fence: bigint({ mode: "number" }),
    updatedAt: timestamp("updated_at", { withTimezone: true }).defaultNow().notNull(),
  },
  (table) => [
    foreignKey({
      columns: [table.sandboxId],
      foreignColumns: [sandboxes.id],
      name: "slots_sandbox_id_fkey",
    }).onDelete("cascade"),
    unique("slots_sandbox_id_index_key").on(table.sandboxId, table.index),
    check("slots_busy_has_task", sql`(state IN ('reserved', 'occupied')) = (task_id IS NOT NULL)`),
    check("slots_state_check", oneOf("state", slotStates)),
  ],
);

export const slotChanges = pgTable(
  "slot_changes",
  {
    id: bigint({ mode: "number" }).generatedAlwaysAsIdentity(),
    sandboxId: uuid("sandbox_id").notNull(),
    index: integer().notNull(),
    generation: integer(),
    state: text().notNull(),
    taskId: uuid("task_id"),
    at: timestamp({ withTimezone: true })
      .default(sql`clock_timestamp()`)
      .notNull(),
  },
  (table) => [index("slot_changes_by_slot").on(table.sandboxId, table.index, table.at)],
);

/** What the control worker last heard of each sandbox's agent; `health` null: it did not answer. */
export const sandboxObservations = pgTable(
  "sandbox_observations",
  {
    sandboxId: uuid("sandbox_id").primaryKey().notNull(),
    observedAt: timestamp("observed_at", { withTimezone: true }).notNull(),
    health: jsonb(),
    why: text().default("").notNull(),
  },
  (table) => [
    foreignKey({
      columns: [table.sandboxId],
      foreignColumns: [sandboxes.id],
      name: "sandbox_observations_sandbox_id_fkey",
    }).onDelete("cascade"),
  ],
);
