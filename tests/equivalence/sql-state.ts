import type { Tx } from "@valet/db";
import { sorted } from "./memory-side.ts";

const ms = (column: string): string => `(extract(epoch FROM ${column}) * 1000)::float8`;

/** One SELECT list a table; both stores tell the same columns. */
const tables: Record<string, { columns: Record<string, string>; from: string }> = {
  tasks: {
    columns: {
      id: "id",
      tenantId: "tenant_id",
      environment: "environment",
      state: "state",
      stateReason: "state_reason",
      stepsDone: "steps_done",
      attemptCount: "attempt_count",
      interruptions: "interruptions",
      fence: "fence",
      cancelRequested: "cancel_requested",
      result: "result",
      error: "error",
      sandboxId: "sandbox_id",
      enqueuedAt: ms("enqueued_at"),
      startedAt: ms("started_at"),
      endedAt: ms("ended_at"),
      queueKey: ms("queue_key"),
      queueExpiresAt: ms("queue_expires_at"),
      avoid: "to_jsonb(avoid_sandbox_ids)",
      restart: "restart",
    },
    from: "tasks",
  },
  attempts: {
    columns: {
      taskId: "task_id",
      fence: "fence",
      leaseId: "lease_id",
      number: "number",
      sandboxId: "sandbox_id",
      slot: "slot_index",
      generation: "generation",
      workerBootId: "worker_boot_id",
      reservedAt: ms("reserved_at"),
      acknowledgedAt: ms("acknowledged_at"),
      leaseExpiresAt: ms("lease_expires_at"),
      endedAt: ms("ended_at"),
      outcome: "outcome",
      reason: "reason",
    },
    from: "attempts",
  },
  permits: {
    columns: {
      taskId: "task_id",
      fence: "fence",
      stepIndex: "step_index",
      id: "id",
      workerBootId: "worker_boot_id",
      grantedAt: ms("granted_at"),
      usableUntil: ms("usable_until"),
      outcome: "outcome",
    },
    from: "permits",
  },
  events: {
    columns: { taskId: "task_id", fence: "fence", seq: "seq", type: "type", data: "data" },
    from: "task_events",
  },
  sandboxes: {
    columns: {
      id: "id",
      state: "state",
      reachable: "reachable",
      capacity: "capacity",
      target: "target_generation",
      targetSlots: "target_slots",
      planRevision: "plan_revision",
      unacknowledgedInARow: "unacknowledged_in_a_row",
      quarantinedUntil: ms("quarantined_until"),
    },
    from: "sandboxes",
  },
  slots: {
    columns: {
      sandboxId: "sandbox_id",
      index: "index",
      state: "state",
      generation: "generation",
      taskId: "task_id",
      fence: "fence",
    },
    from: "slots",
  },
  generations: {
    columns: {
      sandboxId: "sandbox_id",
      number: "number",
      state: "state",
      imageTag: "image_tag",
      imageDigest: "image_digest",
      workerBootId: "worker_boot_id",
      bootSeenAt: ms("boot_seen_at"),
      accepting: "accepting",
      spareReady: "spare_ready",
      reportedAt: ms("reported_at"),
    },
    from: "generations",
  },
  cordons: {
    columns: { sandboxId: "sandbox_id", holderKind: "holder_kind", createdAt: ms("created_at") },
    from: "cordons",
  },
  sessions: {
    columns: { id: "id", sandboxId: "sandbox_id", lastHeartbeatAt: ms("last_heartbeat_at") },
    from: "sessions WHERE closed_at IS NULL",
  },
};

const query = `SELECT ${Object.entries(tables)
  .map(([name, { columns, from }]) => {
    const fields = Object.entries(columns).map(([key, column]) => `'${key}', ${column}`);
    return `(SELECT coalesce(jsonb_agg(jsonb_build_object(${fields.join(", ")})), '[]') FROM ${from}) AS ${name}`;
  })
  .join(",\n")}`;

/** Everything the database holds of tasks and sandboxes, in the form in which the memory store tells its own. */
export async function sqlState(tx: Tx): Promise<Record<string, unknown>> {
  const { rows } = await tx.query<Record<string, unknown[]>>(query);
  return Object.fromEntries(Object.entries(rows[0] ?? {}).map(([name, found]) => [name, sorted(found)]));
}
