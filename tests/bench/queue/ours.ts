import { type Reservation, leaseTimes } from "@valet/shared";
import {
  type Database,
  type TestSandbox,
  acknowledgeMany,
  makeTestFleet,
  migrate,
  openDatabase,
  recordEvents,
  reserveTasks,
} from "@valet/db";

const times = leaseTimes();
/** Batches that may be on their way at once, each on a sandbox of its own; the peer overlaps fetching and completing too. */
const inFlight = 4;

/** A fresh, empty database on the server. */
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
  const boxes = [];
  for (let n = 0; n < inFlight; n += 1) boxes.push(await fleet.addSandbox({ capacity: Math.min(100, input.batch) }));
  await queueTasks(db, input.tasks);
  await db.query("VACUUM ANALYZE");
  const startMs = performance.now();
  const done = await runAll(db, boxes, input);
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

/** Fills all sandboxes; then, as each has done its batch, the slots it freed are given out again. */
async function runAll(
  db: Database,
  boxes: readonly TestSandbox[],
  input: { tasks: number; batch: number },
): Promise<number> {
  let done = 0;
  const work = async (reservations: readonly Reservation[]): Promise<void> => {
    done += reservations.length;
    const groups = boxes.map((box) => ({ box, own: reservations.filter((one) => one.sandboxId === box.id) }));
    await Promise.all(groups.filter(({ own }) => own.length > 0).map(({ box, own }) => handle(db, box, own)));
  };
  const first = await reserveTasks(db, { limit: input.batch * boxes.length, times });
  const lanes = boxes.map(async (box) => {
    await work(first.reservations.filter((one) => one.sandboxId === box.id));
    while (done < input.tasks) await work((await reserveTasks(db, { limit: input.batch, times })).reservations);
  });
  const beat = setInterval(() => void Promise.all(boxes.map((box) => box.heartbeat())), times.heartbeatMs);
  await Promise.all(lanes).finally(() => clearInterval(beat));
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
