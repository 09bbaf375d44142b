import { parseArgs } from "node:util";
import { type Database, createDeploy, createTestDatabase, upsertRelease } from "@valet/db";
import { defaultKnobs, environments, leaseTimes, services, systemClock } from "@valet/shared";
import { makeFakeDriver, makeFakeHost, type FakeHost } from "../../packages/rollout/src/drivers/fake-host.ts";
import { makeDeployStore } from "../../apps/worker/src/control/deploy-store.ts";
import { reconcileDeploysLoop } from "../../apps/worker/src/control/reconcile-deploys.ts";
import { makeBell } from "../../apps/worker/src/bell.ts";
import { makeLog } from "../../apps/worker/src/log.ts";
import { newDigest } from "./decide/large-fleet.ts";
import { percentileMs } from "./fleet/measure.ts";

/**
 * One control worker, its real reconcile loop and store, with a deploy of every service in every environment at once, each over its
 * own simulated hosts. `--hosts N` (1,000) a deploy, `--seconds N` (120). All must progress, none may starve. Prints JSON.
 */
export default async function benchControlScale(): Promise<void> {
  const { values } = parseArgs({ strict: false, options: { hosts: { type: "string" }, seconds: { type: "string" } } });
  const hosts = Number(values.hosts ?? 1000);
  const seconds = Number(values.seconds ?? 120);
  const test = await createTestDatabase({ max: 10 });
  try {
    const measured = await measure(test.db, hosts, seconds);
    const shares = measured.deploys.map((deploy) => deploy.updated);
    const isWithin = Math.min(...shares) > 0 && measured.longestGapMs < (seconds * 1000) / 3;
    const result = { bench: "control-scale", hosts, seconds, ...measured, isWithin };
    process.stdout.write(`${JSON.stringify(result)}\n`);
    if (!isWithin) process.exitCode = 1;
  } finally {
    await test.drop();
  }
}

async function measure(db: Database, hosts: number, seconds: number) {
  const fleet = new Map<string, FakeHost>();
  const registry = new Map([["v2", { digest: newDigest, fetchMs: 300, bootMs: 500 }]]);
  const ids: string[] = [];
  for (const environment of environments) {
    for (const service of services) {
      const sandboxIds = await addSandboxes(db, environment, service, hosts);
      for (const id of sandboxIds) fleet.set(id, makeFakeHost(id, { clock: systemClock, registry }));
      ids.push(await addDeploy(db, { environment, service, sandboxIds }));
    }
  }
  await db.query("ANALYZE");
  const loop = reconcileDeploysLoop({
    store: makeDeployStore(db, leaseTimes(300_000)),
    driver: makeFakeDriver(fleet),
    clock: systemClock,
    log: makeLog("silent", {}),
    bell: makeBell(systemClock),
  });
  const tickMs: number[] = [];
  const lastSaved = new Map<string, { revision: number; at: number }>();
  let longestGapMs = 0;
  const failedRounds: unknown[] = [];
  const until = performance.now() + seconds * 1000;
  const { signal } = new AbortController();
  while (performance.now() < until) {
    const from = performance.now();
    // A deploy that failed in this round is looked at again in the next, as the loop's runner does.
    await loop.round(signal).catch((error: unknown) => void failedRounds.push(error));
    tickMs.push(performance.now() - from);
    await handOver(db);
    const now = performance.now();
    for (const { id, revision, isOver } of await revisions(db)) {
      const last = lastSaved.get(id);
      if (last?.revision === revision && !isOver) longestGapMs = Math.max(longestGapMs, now - last.at);
      else lastSaved.set(id, { revision, at: now });
    }
  }
  const deploys = await outcomes(db, ids);
  return {
    ticks: tickMs.length,
    failedRounds: failedRounds.length,
    tickP50Ms: percentileMs(tickMs, 0.5),
    tickP95Ms: percentileMs(tickMs, 0.95),
    longestGapMs: Math.round(longestGapMs),
    rssMb: Math.round(process.memoryUsage().rss / 1_048_576),
    deploys,
  };
}

async function addSandboxes(db: Database, environment: string, service: string, count: number): Promise<string[]> {
  const { rows } = await db.query<{ id: string }>(
    `WITH box AS (
       INSERT INTO sandboxes (name, environment, instance_id, public_ip, instance_type, browser_engine, capacity, state, token_hash,
         agent_key_sealed)
       SELECT $2 || '-' || n, $1, $1 || $2 || n, '127.0.0.1', 'bench', 'chromium', 2, 'active', $1 || $2 || n, 'sealed'
       FROM generate_series(1, $3::int) AS n RETURNING id),
     session AS (
       INSERT INTO sessions (sandbox_id, boot_id, version, wire, last_heartbeat_at)
       SELECT id, 'bench', '1', 1, now() + interval '1 day' FROM box),
     slot AS (INSERT INTO slots (sandbox_id, index) SELECT id, n FROM box, generate_series(0, 1) AS n)
     SELECT id FROM box`,
    [environment, service, count],
  );
  return rows.map((row) => row.id);
}

async function addDeploy(
  db: Database,
  of: { environment: (typeof environments)[number]; service: (typeof services)[number]; sandboxIds: string[] },
): Promise<string> {
  const { environment, service, sandboxIds } = of;
  const knobs = { ...defaultKnobs(), maxParallel: "10%" as const, minHealthyMs: 0 };
  return db.tx(async (tx) => {
    const release = await upsertRelease(tx, { service, version: "v2", imageTag: "v2", imageDigest: newDigest });
    const deploy = await createDeploy(tx, {
      ...{ environment, service, releaseId: release.id, imageTag: "v2", imageDigest: newDigest, state: "queued" },
      ...{ stateReason: "", knobs, trigger: "bench", createdBy: "bench", sandboxIds },
    });
    return deploy.id;
  });
}

/** The hosts' part: free slots go to the target generation. */
async function handOver(db: Database): Promise<void> {
  await db.query(
    `UPDATE slots l SET generation = s.target_generation, state = 'accepting' FROM sandboxes s
     WHERE s.id = l.sandbox_id AND s.target_generation IS NOT NULL AND l.generation IS DISTINCT FROM s.target_generation`,
  );
}

async function revisions(db: Database) {
  const { rows } = await db.query<{ id: string; revision: number; isOver: boolean }>(
    `SELECT id, revision, state IN ('completed', 'failed') AS "isOver" FROM deploys`,
  );
  return rows;
}

async function outcomes(db: Database, ids: readonly string[]) {
  const { rows } = await db.query<{ environment: string; service: string; state: string; updated: number }>(
    `SELECT d.environment, d.service, d.state, count(*) FILTER (WHERE h.step = 'updated') AS updated
     FROM deploys d LEFT JOIN deploy_hosts h ON h.deploy_id = d.id WHERE d.id = ANY ($1::uuid[])
     GROUP BY d.id ORDER BY d.environment, d.service`,
    [ids],
  );
  return rows;
}

if (process.argv[1] === import.meta.filename) await benchControlScale();
