import { attemptOutcomes, taskStates } from "@valet/shared";
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
import { tenants } from "./accounts.ts";
import { bytea, oneOf } from "./column-kinds.ts";

/** Tasks and everything their attempts leave behind. Written for drizzle-kit, which compares it with the last snapshot; migrations are the truth. */

export const tasks = pgTable(
  "tasks",
  {
    id: uuid().defaultRandom().primaryKey().notNull(),
    tenantId: text("tenant_id").notNull(),
    environment: text().notNull(),
    state: text().default("queued").notNull(),
    stateReason: text("state_reason").default("").notNull(),
    spec: jsonb().notNull(),
    stepCount: integer("step_count").notNull(),
    stepsDone: integer("steps_done").default(0).notNull(),
    priority: integer().default(0).notNull(),
    placementLabels: jsonb("placement_labels").default({}).notNull(),
    placementSandboxId: uuid("placement_sandbox_id"),
    placementKey: text("placement_key").default("").notNull(),
    avoidSandboxIds: uuid("avoid_sandbox_ids").array().default([]).notNull(),
    restart: text().default("review").notNull(),
    maxAttempts: integer("max_attempts").default(3).notNull(),
    attemptCount: integer("attempt_count").default(0).notNull(),
    interruptions: integer().default(0).notNull(),
    fence: bigint({ mode: "number" }).default(0).notNull(),
    cancelRequested: boolean("cancel_requested").default(false).notNull(),
    result: jsonb(),
    error: jsonb(),
    metadata: jsonb().default({}).notNull(),
    webhookUrl: text("webhook_url"),
    sandboxId: uuid("sandbox_id"),
    createdAt: timestamp("created_at", { withTimezone: true }).defaultNow().notNull(),
    enqueuedAt: timestamp("enqueued_at", { withTimezone: true }).defaultNow().notNull(),
    queueKey: timestamp("queue_key", { withTimezone: true }),
    queueTimeoutMs: integer("queue_timeout_ms").default(3600000).notNull(),
    queueExpiresAt: timestamp("queue_expires_at", { withTimezone: true }).notNull(),
    startedAt: timestamp("started_at", { withTimezone: true }),
    endedAt: timestamp("ended_at", { withTimezone: true }),
  },
  (table) => [
    index("tasks_by_tenant").on(table.tenantId, table.createdAt.desc()),
    index("tasks_list").on(table.createdAt.desc()),
    index("tasks_queue")
      .on(table.environment, table.placementKey, table.tenantId, table.queueKey)
      .where(sql`queue_key IS NOT NULL`),
    index("tasks_queue_expiry")
      .on(table.queueExpiresAt)
      .where(sql`queue_key IS NOT NULL`),
    foreignKey({
      columns: [table.tenantId],
      foreignColumns: [tenants.id],
      name: "tasks_tenant_id_fkey",
    }),
    check("tasks_queued_has_key", sql`(state = 'queued') = (queue_key IS NOT NULL)`),
    check("tasks_restart_check", oneOf("restart", ["review", "safe"])),
    check("tasks_state_check", oneOf("state", taskStates)),
  ],
);

export const attempts = pgTable(
  "attempts",
  {
    taskId: uuid("task_id").notNull(),
    fence: bigint({ mode: "number" }).notNull(),
    leaseId: text("lease_id").notNull(),
    number: integer().default(0).notNull(),
    sandboxId: uuid("sandbox_id").notNull(),
    slotIndex: integer("slot_index").notNull(),
    generation: integer().notNull(),
    workerBootId: text("worker_boot_id"),
    reservedAt: timestamp("reserved_at", { withTimezone: true }).defaultNow().notNull(),
    acknowledgedAt: timestamp("acknowledged_at", { withTimezone: true }),
    leaseExpiresAt: timestamp("lease_expires_at", { withTimezone: true }).notNull(),
    endedAt: timestamp("ended_at", { withTimezone: true }),
    outcome: text(),
    reason: text(),
  },
  (table) => [
    index("attempts_ended")
      .on(table.endedAt)
      .where(sql`ended_at IS NOT NULL`),
    uniqueIndex("attempts_one_open")
      .on(table.taskId)
      .where(sql`ended_at IS NULL`),
    index("attempts_open")
      .on(table.sandboxId)
      .where(sql`ended_at IS NULL`),
    primaryKey({ columns: [table.taskId, table.fence], name: "attempts_pkey" }),
    check("attempts_outcome_check", oneOf("outcome", attemptOutcomes)),
  ],
);

export const permits = pgTable(
  "permits",
  {
    id: uuid().defaultRandom().primaryKey().notNull(),
    taskId: uuid("task_id").notNull(),
    fence: bigint({ mode: "number" }).notNull(),
    stepIndex: integer("step_index").notNull(),
    workerBootId: text("worker_boot_id").notNull(),
    grantedAt: timestamp("granted_at", { withTimezone: true }).defaultNow().notNull(),
    usableUntil: timestamp("usable_until", { withTimezone: true }).notNull(),
    outcome: text(),
    outcomeAt: timestamp("outcome_at", { withTimezone: true }),
  },
  (table) => [unique("permits_task_id_fence_step_index_key").on(table.taskId, table.fence, table.stepIndex)],
);

export const taskEvents = pgTable(
  "task_events",
  {
    id: bigint({ mode: "number" }).generatedAlwaysAsIdentity(),
    taskId: uuid("task_id").notNull(),
    fence: bigint({ mode: "number" }).notNull(),
    seq: integer().notNull(),
    type: text().notNull(),
    data: jsonb().default({}).notNull(),
    at: timestamp({ withTimezone: true }).defaultNow().notNull(),
  },
  (table) => [primaryKey({ columns: [table.taskId, table.fence, table.seq], name: "task_events_pkey" })],
);

export const artifacts = pgTable(
  "artifacts",
  {
    id: uuid().defaultRandom().primaryKey().notNull(),
    taskId: uuid("task_id").notNull(),
    fence: bigint({ mode: "number" }).notNull(),
    name: text().notNull(),
    contentType: text("content_type").notNull(),
    sha256: text().notNull(),
    content: bytea("content").notNull(),
    createdAt: timestamp("created_at", { withTimezone: true }).defaultNow().notNull(),
  },
  (table) => [
    foreignKey({
      columns: [table.taskId],
      foreignColumns: [tasks.id],
      name: "artifacts_task_id_fkey",
    }).onDelete("cascade"),
    unique("artifacts_task_id_fence_name_key").on(table.taskId, table.fence, table.name),
  ],
);

export const idempotencyKeys = pgTable(
  "idempotency_keys",
  {
    tenantId: text("tenant_id").notNull(),
    key: text().notNull(),
    bodyHash: text("body_hash").notNull(),
    taskId: uuid("task_id").notNull(),
    createdAt: timestamp("created_at", { withTimezone: true }).defaultNow().notNull(),
  },
  (table) => [
    foreignKey({
      columns: [table.taskId],
      foreignColumns: [tasks.id],
      name: "idempotency_keys_task_id_fkey",
    }).onDelete("cascade"),
    foreignKey({
      columns: [table.tenantId],
      foreignColumns: [tenants.id],
      name: "idempotency_keys_tenant_id_fkey",
    }),
    primaryKey({ columns: [table.tenantId, table.key], name: "idempotency_keys_pkey" }),
  ],
);

export const webhookOutbox = pgTable(
  "webhook_outbox",
  {
    id: bigint({ mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
    taskId: uuid("task_id").notNull(),
    state: text().notNull(),
    at: timestamp({ withTimezone: true }).defaultNow().notNull(),
  },
  (table) => [
    foreignKey({
      columns: [table.taskId],
      foreignColumns: [tasks.id],
      name: "webhook_outbox_task_id_fkey",
    }).onDelete("cascade"),
  ],
);
