import { randomUUID } from "node:crypto";
import { taskSubmitSchema } from "@valet/contracts";
import {
  type Database,
  type TaskRow,
  acknowledge,
  createSandbox,
  moveSandbox,
  openSession,
  submitTask,
  touchSession,
} from "@valet/db";
import { type LeaseTimes, Secret } from "@valet/shared";

export const fleetDigest = `sha256:${"b".repeat(64)}`;

export interface FleetSandbox {
  id: string;
  sessionId: string;
}
/** Sandboxes with free slots and living sessions, in the database only. */
export interface Fleet {
  sandboxes: FleetSandbox[];
  /** Ends the signs of life. */
  stop(): void;
}

/** Makes sandboxes that may take work at once, and keeps their sessions fresh. */
export async function makeFleet(
  db: Database,
  input: { sandboxes: number; slots: number; times: LeaseTimes },
): Promise<Fleet> {
  await db.query(
    `INSERT INTO allowed_releases (environment, service, image_digest, reason) VALUES ('dev', 'ghosthands', $1, 'test')
     ON CONFLICT DO NOTHING`,
    [fleetDigest],
  );
  const sandboxes: FleetSandbox[] = [];
  for (let number = 1; number <= input.sandboxes; number += 1)
    sandboxes.push(await makeSandbox(db, number, input.slots));
  const timer = setInterval(() => {
    for (const { sessionId } of sandboxes)
      touchSession(db, sessionId).catch(() => {
        // The database of a test may be gone already; the test says what failed.
        clearInterval(timer);
      });
  }, input.times.heartbeatMs / 2);
  return { sandboxes, stop: () => clearInterval(timer) };
}

async function makeSandbox(db: Database, number: number, slots: number): Promise<FleetSandbox> {
  return db.tx(async (tx) => {
    const created = await createSandbox(tx, {
      ...{ name: `sandbox-${number}`, environment: "dev", instanceId: `i-${randomUUID()}`, publicIp: "127.0.0.1" },
      ...{ agentPort: 8000, instanceType: "local", browserEngine: "chromium", capacity: slots, labels: {} },
      ...{ token: new Secret(randomUUID()), sealedAgentKey: "sealed" },
    });
    if (!created.ok) throw new Error(created.error.message);
    const { id } = created.value;
    const moved = await moveSandbox(tx, id, { to: "active", reason: "ready" });
    if (!moved.ok) throw new Error(moved.error.message);
    await tx.query(
      `INSERT INTO generations (sandbox_id, number, state, image_tag, image_digest, worker_boot_id, accepting)
       VALUES ($1, 1, 'serving', 'v1', $2, 'boot-1', true)`,
      [id, fleetDigest],
    );
    await tx.query("UPDATE slots SET generation = 1, state = 'accepting' WHERE sandbox_id = $1", [id]);
    const session = await openSession(tx, { sandboxId: id, bootId: randomUUID(), version: "1", wire: 1 });
    return { id, sessionId: session.id };
  });
}

/** What the API does with a task that a client sends. */
export async function submit(db: Database, input: Record<string, unknown> = {}): Promise<TaskRow> {
  const spec = taskSubmitSchema.parse({ steps: [{ action: "goto", url: "http://site.test/" }], ...input });
  const submitted = await db.tx((tx) => submitTask(tx, { tenantId: "test", environment: "dev", spec }));
  if (!submitted.ok) throw new Error(submitted.error.message);
  return submitted.value.task;
}

export interface OpenAttempt {
  taskId: string;
  fence: number;
  leaseId: string;
  sandboxId: string;
  slot: number;
}
export async function openAttempts(db: Database): Promise<OpenAttempt[]> {
  const { rows } = await db.query<OpenAttempt>(
    `SELECT task_id AS "taskId", fence, lease_id AS "leaseId", sandbox_id AS "sandboxId", slot_index AS slot
     FROM attempts WHERE ended_at IS NULL ORDER BY reserved_at`,
  );
  return rows;
}

/** What the API does when a sandbox worker takes an assignment. */
export async function take(db: Database, attempt: OpenAttempt, times: LeaseTimes): Promise<void> {
  const { taskId, fence, leaseId, sandboxId } = attempt;
  const taken = await db.tx((tx) => acknowledge(tx, { sandboxId, ref: { taskId, fence, leaseId }, times }));
  if (!taken.ok) throw new Error(taken.error.message);
}

/** Polls the database until `check` answers something. */
export async function eventually<T>(
  what: string,
  check: () => Promise<T | undefined | null | false>,
  timeoutMs = 60_000,
): Promise<T> {
  const endsAt = Date.now() + timeoutMs;
  for (;;) {
    const value = await check();
    if (value) return value;
    if (Date.now() > endsAt) throw new Error(`never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
