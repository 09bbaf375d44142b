import { type Database, createDeploy, upsertRelease } from "@valet/db";
import type { Environment, RolloutKnobs, Service } from "@valet/shared";
import { newDigest, oldDigest } from "./large-fleet.ts";

/** Sandboxes with live sessions, busy slots, open attempts and their tasks: as many as asked for, in one environment. */
export async function storeFleet(
  db: Database,
  { environment, hosts, tasksAHost }: { environment: Environment; hosts: number; tasksAHost: number },
): Promise<void> {
  await db.query(
    `INSERT INTO sandboxes (name, environment, instance_id, public_ip, instance_type, browser_engine, capacity, state, token_hash,
       agent_key_sealed, epoch, target_generation)
     SELECT 'sandbox-' || n, $1, $1 || '-' || n, '127.0.0.1', 'bench', 'chromium', greatest($3::int, 1), 'active', $1 || '-' || n, 'sealed', 1, 1
     FROM generate_series(1, $2::int) AS n`,
    [environment, hosts, tasksAHost],
  );
  await db.query(
    `INSERT INTO sessions (sandbox_id, boot_id, version, wire, last_heartbeat_at)
     SELECT id, 'bench', '1', 1, now() + interval '1 day' FROM sandboxes WHERE environment = $1`,
    [environment],
  );
  await db.query(
    `WITH task AS (
       INSERT INTO tasks (tenant_id, environment, state, spec, step_count, queue_expires_at, sandbox_id, started_at)
       SELECT 'test', $1, 'running', '{"timeoutMs": 600000}', 1, now() + interval '1 hour', s.id, now()
       FROM sandboxes s, generate_series(0, $2::int - 1) WHERE s.environment = $1 RETURNING id, sandbox_id),
     placed AS (SELECT id, sandbox_id, row_number() OVER (PARTITION BY sandbox_id ORDER BY id) - 1 AS index FROM task),
     slot AS (
       INSERT INTO slots (sandbox_id, index, generation, state, task_id, fence)
       SELECT sandbox_id, index, 1, 'occupied', id, 1 FROM placed RETURNING 1)
     INSERT INTO attempts (task_id, fence, lease_id, number, sandbox_id, slot_index, generation, acknowledged_at, lease_expires_at)
     SELECT id, 1, id::text, 1, sandbox_id, index, 1, now() - random() * interval '2 minutes', now() + interval '1 hour' FROM placed`,
    [environment, tasksAHost],
  );
  await db.query("ANALYZE");
}

/** A queued deploy of the new release, after one of the old that completed. */
export async function storeDeploy(
  db: Database,
  { environment, service, knobs }: { environment: Environment; service: Service; knobs: RolloutKnobs },
): Promise<string> {
  return db.tx(async (tx) => {
    const add = async (imageTag: string, imageDigest: string) => {
      const release = await upsertRelease(tx, { service, version: imageTag, imageTag, imageDigest });
      return createDeploy(tx, {
        ...{ environment, service, releaseId: release.id, imageTag, imageDigest, state: "queued" },
        ...{ stateReason: "", knobs, trigger: "bench", createdBy: "bench" },
      });
    };
    const before = await add("v1", oldDigest);
    await tx.query("UPDATE deploys SET state = 'completed', started_at = now(), ended_at = now() WHERE id = $1", [
      before.id,
    ]);
    return (await add("v2", newDigest)).id;
  });
}
