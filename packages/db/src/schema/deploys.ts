import { activeDeployStates, deployStates, environments, hostOrders, hostStepStates, services } from "@valet/shared";
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
  uniqueIndex,
  uuid,
} from "drizzle-orm/pg-core";
import { sandboxes } from "./fleet.ts";
import { oneOf } from "./column-kinds.ts";

/** Releases and their way through an environment. Written for drizzle-kit, which compares it with the last snapshot; migrations are the truth. */

export const releases = pgTable(
  "releases",
  {
    id: uuid().defaultRandom().primaryKey().notNull(),
    service: text().notNull(),
    version: text().notNull(),
    image: text().default("").notNull(),
    imageTag: text("image_tag").notNull(),
    imageDigest: text("image_digest"),
    commitSha: text("commit_sha"),
    commitMessage: text("commit_message"),
    repository: text(),
    createdAt: timestamp("created_at", { withTimezone: true }).defaultNow().notNull(),
    prunedAt: timestamp("pruned_at", { withTimezone: true }),
    prunedReason: text("pruned_reason"),
  },
  (table) => [
    uniqueIndex("releases_by_tag").on(table.service, table.imageTag, sql`coalesce(image_digest, '')`),
    check("releases_service_check", oneOf("service", services)),
  ],
);

export const allowedReleases = pgTable(
  "allowed_releases",
  {
    environment: text().notNull(),
    service: text().notNull(),
    imageDigest: text("image_digest").notNull(),
    reason: text().notNull(),
    createdAt: timestamp("created_at", { withTimezone: true }).defaultNow().notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.environment, table.service, table.imageDigest], name: "allowed_releases_pkey" }),
  ],
);

export const deploys = pgTable(
  "deploys",
  {
    id: uuid().defaultRandom().primaryKey().notNull(),
    environment: text().notNull(),
    service: text().notNull(),
    releaseId: uuid("release_id").notNull(),
    imageTag: text("image_tag").notNull(),
    imageDigest: text("image_digest"),
    previousTag: text("previous_tag"),
    previousDigest: text("previous_digest"),
    state: text().notNull(),
    stateReason: text("state_reason").default("").notNull(),
    revision: bigint({ mode: "number" }).default(1).notNull(),
    knobs: jsonb().notNull(),
    waitingOn: jsonb("waiting_on").default([]).notNull(),
    request: jsonb(),
    engine: jsonb().default({}).notNull(),
    trigger: text().notNull(),
    createdBy: text("created_by").notNull(),
    sandboxIds: uuid("sandbox_ids").array(),
    createdAt: timestamp("created_at", { withTimezone: true }).defaultNow().notNull(),
    startedAt: timestamp("started_at", { withTimezone: true }),
    endedAt: timestamp("ended_at", { withTimezone: true }),
    analysis: jsonb(),
    configVersion: bigint("config_version", { mode: "number" }),
    requiredApprovals: integer("required_approvals").default(0).notNull(),
    ignoreFreeze: boolean("ignore_freeze").default(false).notNull(),
    askedBy: text("asked_by"),
  },
  (table) => [
    index("deploys_completed")
      .on(table.environment, table.service, table.endedAt.desc())
      .where(sql`state = 'completed'`),
    index("deploys_list").on(table.createdAt.desc()),
    uniqueIndex("deploys_one_active").on(table.environment, table.service).where(oneOf("state", activeDeployStates)),
    foreignKey({
      columns: [table.releaseId],
      foreignColumns: [releases.id],
      name: "deploys_release_id_fkey",
    }),
    check("deploys_state_check", oneOf("state", deployStates)),
  ],
);

export const deployHosts = pgTable(
  "deploy_hosts",
  {
    deployId: uuid("deploy_id").notNull(),
    sandboxId: uuid("sandbox_id").notNull(),
    position: integer().notNull(),
    step: text().notNull(),
    hostOrder: text("host_order").notNull(),
    reason: text().default("").notNull(),
    epoch: bigint({ mode: "number" }),
    oldGeneration: integer("old_generation"),
    newGeneration: integer("new_generation"),
    reportedDigest: text("reported_digest"),
    engine: jsonb().default({}).notNull(),
    startedAt: timestamp("started_at", { withTimezone: true }),
    endedAt: timestamp("ended_at", { withTimezone: true }),
  },
  (table) => [
    foreignKey({
      columns: [table.deployId],
      foreignColumns: [deploys.id],
      name: "deploy_hosts_deploy_id_fkey",
    }).onDelete("cascade"),
    foreignKey({
      columns: [table.sandboxId],
      foreignColumns: [sandboxes.id],
      name: "deploy_hosts_sandbox_id_fkey",
    }),
    primaryKey({ columns: [table.deployId, table.sandboxId], name: "deploy_hosts_pkey" }),
    check("deploy_hosts_host_order_check", oneOf("host_order", hostOrders)),
    check("deploy_hosts_step_check", oneOf("step", hostStepStates)),
  ],
);

export const deployDecisions = pgTable(
  "deploy_decisions",
  {
    deployId: uuid("deploy_id").notNull(),
    seq: bigint({ mode: "number" }).notNull(),
    at: timestamp({ withTimezone: true })
      .default(sql`clock_timestamp()`)
      .notNull(),
    actor: text().notNull(),
    summary: text().notNull(),
    data: jsonb().default({}).notNull(),
    revision: bigint({ mode: "number" }),
  },
  (table) => [
    foreignKey({
      columns: [table.deployId],
      foreignColumns: [deploys.id],
      name: "deploy_decisions_deploy_id_fkey",
    }).onDelete("cascade"),
    primaryKey({ columns: [table.deployId, table.seq], name: "deploy_decisions_pkey" }),
  ],
);

export const deployJournal = pgTable(
  "deploy_journal",
  {
    deployId: uuid("deploy_id").notNull(),
    revision: bigint({ mode: "number" }).notNull(),
    at: timestamp({ withTimezone: true })
      .default(sql`clock_timestamp()`)
      .notNull(),
    nowMs: bigint("now_ms", { mode: "number" }).notNull(),
    state: text().notNull(),
    input: jsonb().notNull(),
    result: text().notNull(),
  },
  (table) => [
    foreignKey({
      columns: [table.deployId],
      foreignColumns: [deploys.id],
      name: "deploy_journal_deploy_id_fkey",
    }).onDelete("cascade"),
    primaryKey({ columns: [table.deployId, table.revision], name: "deploy_journal_pkey" }),
  ],
);

export const deployApprovals = pgTable(
  "deploy_approvals",
  {
    deployId: uuid("deploy_id").notNull(),
    actor: text().notNull(),
    reason: text().default("").notNull(),
    at: timestamp({ withTimezone: true })
      .default(sql`clock_timestamp()`)
      .notNull(),
  },
  (table) => [
    foreignKey({
      columns: [table.deployId],
      foreignColumns: [deploys.id],
      name: "deploy_approvals_deploy_id_fkey",
    }).onDelete("cascade"),
    primaryKey({ columns: [table.deployId, table.actor], name: "deploy_approvals_pkey" }),
  ],
);

export const environmentConfigs = pgTable(
  "environment_configs",
  {
    environment: text().notNull(),
    version: bigint({ mode: "number" }).notNull(),
    source: text().notNull(),
    config: jsonb().notNull(),
    createdBy: text("created_by").notNull(),
    createdAt: timestamp("created_at", { withTimezone: true }).defaultNow().notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.environment, table.version], name: "environment_configs_pkey" }),
    check("environment_configs_environment_check", oneOf("environment", environments)),
  ],
);

export const webhookReceipts = pgTable(
  "webhook_receipts",
  {
    bodySha256: text("body_sha256").primaryKey().notNull(),
    runKey: text("run_key").notNull(),
    sentAt: timestamp("sent_at", { withTimezone: true }).notNull(),
    deployId: uuid("deploy_id"),
    receivedAt: timestamp("received_at", { withTimezone: true }).defaultNow().notNull(),
  },
  (table) => [
    index("webhook_receipts_run").on(table.runKey),
    foreignKey({
      columns: [table.deployId],
      foreignColumns: [deploys.id],
      name: "webhook_receipts_deploy_id_fkey",
    }),
  ],
);
