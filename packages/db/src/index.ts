export type { Json, JsonObject, Page, PageQuery, Sql, Tx } from "./sql.ts";
export { openDatabase } from "./database.ts";
export type { Database, DatabaseOptions } from "./database.ts";
export type { Listener } from "./listener.ts";
export { startEmbeddedPostgres } from "./embedded/start.ts";
export type { EmbeddedOptions, EmbeddedPostgres } from "./embedded/start.ts";
export { migrate, migrateDown } from "./migrations.ts";
export type { MigrateOptions, MigrateResult } from "./migrations.ts";
export { claimEnvironment, databaseEnvironment } from "./environment-mark.ts";
export { createTestDatabase } from "./testing.ts";
export type { TestDatabase } from "./testing.ts";
export { channels, notify } from "./notify.ts";
export { canonicalJson } from "./canonical-json.ts";

export * from "./tenants.ts";
export * from "./tokens.ts";
export * from "./audit.ts";
export * from "./live-events.ts";
export * from "./settings.ts";
export * from "./releases.ts";
export * from "./webhook-receipts.ts";
export * from "./beats.ts";
export * from "./capacity.ts";

export type { CordonRow, GenerationRow, SandboxRow, SlotRow } from "./sandbox-row.ts";
export * from "./sandboxes.ts";
export * from "./sandbox-agent-key.ts";
export * from "./sessions.ts";
export * from "./slot-plan.ts";
export * from "./hand-over.ts";
export * from "./heartbeat.ts";

export type * from "./tasks/task-row.ts";
export * from "./tasks/submit.ts";
export * from "./tasks/read.ts";
export * from "./tasks/reserve.ts";
export * from "./tasks/assignments.ts";
export * from "./tasks/session-news.ts";
export * from "./tasks/acknowledge.ts";
export * from "./tasks/permit.ts";
export * from "./tasks/record-events.ts";
export * from "./tasks/complete.ts";
export * from "./tasks/expire.ts";
export { expireUnacknowledged } from "./tasks/unacknowledged.ts";
export type { UnacknowledgedResult } from "./tasks/unacknowledged.ts";
export * from "./tasks/requests.ts";
export * from "./tasks/why.ts";
export { readArtifact, storeArtifact } from "./tasks/artifacts.ts";

export type * from "./deploy-row.ts";
export * from "./deploys.ts";
export * from "./save-deploy.ts";
export * from "./deploy-extras.ts";
export * from "./deploy-measures.ts";

export * from "./hand-over-candidates.ts";
export * from "./webhook-outbox.ts";
export { pruneOldRows } from "./prune.ts";
