import { leaseTimes } from "@valet/shared";
import {
  type Database,
  type Reservation,
  type TestSandbox,
  acknowledgeMany,
  makeTestFleet,
  migrate,
  openDatabase,
  recordEvents,
  reserveTasks,
} from "@valet/db";

const times = leaseTimes();
/** Batches that may be on their way at once; the peer overlaps fetching and completing too. */
const inFlight = 2;

/** A fresh database with one sandbox that has room for `inFlight` batches. */
export async function freshDatabase(serverUrl: string, name: string): Promise<{ db: Database; url: string }> {
  const server = openDatabase({ url: serverUrl, max: 1, applicationName: "bench" });
  await server.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  await server.query(`CREATE DATABASE ${name}`);
  await server.close();
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return { url: url.toString(), db: openDatabase({ url: url.toString(), max: 8, applicationName: "bench" }) };
}

/** Tasks a second from queued to completed: reserve, acknowledge, three events of which one ends it; the slot accepts again. */
export async function measureOurs(serverUrl: string, input: { tasks: number; batch: number }): Promise<number> {
  const { db, url } = await freshDatabase(serverUrl, "ours");
  await migrate(url, { environment: "dev" });
  const fleet = makeTestFleet(db, times);
  const box = await fleet.addSandbox({ capacity: Math.min(100, input.batch * inFlight) });
  await queueTasks(db, input.tasks);
  await db.query("VACUUM ANALYZE");
  const startMs = performance.now();
  const lanes = Array.from({ length: inFlight }, () => lane(db, box, input));
  const done = (await Promise.all(lanes)).reduce((sum, one) => sum + one, 0);
  const elapsedMs = performance.now() - startMs;
  const { rows } = await db.query<{ left: number }>("SELECT count(*) AS left FROM tasks WHERE state <> 'completed'");
  await db.close();
  if (done !== input.tasks || rows[0]?.left !== 0) throw new Error(`${done} of ${input.tasks} tasks were completed`);
  return (input.tasks / elapsedMs) * 1000;
}

export async function queueTasks(db: Database, count: number): Promise<void> {
  await db.query("INSERT INTO tenants (id, name) VALUES ('bench', 'Bench') ON CONFLICT DO NOTHING");
  await db.query(
    `INSERT INTO tasks (tenant_id, environment, spec, step_count, queue_key, queue_expires_at)
     SELECT 'bench', 'dev', '{"steps": [{"action": "goto", "url": "https://example.com/"}]}', 1, now(), now() + interval '1 day'
     FROM generate_series(1, $1)`,
    [count],
  );
}

async function lane(db: Database, box: TestSandbox, input: { batch: number }): Promise<number> {
  let done = 0;
  for (let idle = 0; idle < 50;) {
    const { reservations } = await reserveTasks(db, { limit: input.batch, times });
    if (reservations.length === 0) {
      idle += 1;
      await new Promise((resolve) => setTimeout(resolve, 1));
      continue;
    }
    idle = 0;
    await handle(db, box, reservations);
    done += reservations.length;
  }
  return done;
}

/** What a host does with one batch: takes it, journals it, and has its slots ready again, which no peer has to do. */
export async function handle(db: Database, box: TestSandbox, reservations: readonly Reservation[]): Promise<void> {
  const sandboxId = box.id;
  await acknowledgeMany(db, { sandboxId, refs: reservations, times });
  const at = new Date().toISOString();
  const events = reservations.flatMap(({ taskId, fence, leaseId }) => [
    { taskId, fence, leaseId, at, seq: 1, type: "step_started", data: { stepIndex: 0 } },
    { taskId, fence, leaseId, at, seq: 2, type: "step_done", data: { stepIndex: 0 } },
    { taskId, fence, leaseId, at, seq: 3, type: "finished", data: { status: "completed", result: {} } },
  ]);
  await db.tx((tx) => recordEvents(tx, { sandboxId, events }));
  await db.query(
    "UPDATE slots SET state = 'accepting', updated_at = now() WHERE sandbox_id = $1 AND state = 'renewing'",
    [sandboxId],
  );
}
