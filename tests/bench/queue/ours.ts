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

export interface Measure {
  tasks: number;
  batch: number;
  /** Done before the clock starts, over the same connections: plans are made, caches filled. */
  warmUp: number;
}

export interface Measured {
  perSecond: number;
  rowsEach: number;
}

/** Tasks a second from queued to completed: reserve, acknowledge, three events of which one ends it; the slot accepts again. */
export async function measureOurs(serverUrl: string, input: Measure): Promise<Measured> {
  const { db, url } = await freshDatabase(serverUrl, "ours");
  await migrate(url, { environment: "dev" });
  const fleet = makeTestFleet(db, times);
  const boxes = [];
  for (let n = 0; n < inFlight; n += 1) boxes.push(await fleet.addSandbox({ capacity: Math.min(100, input.batch) }));
  const total = input.tasks + input.warmUp;
  await queueTasks(db, total);
  await db.query("VACUUM ANALYZE");
  const clock = makeClock(input.warmUp);
  await runAll(db, boxes, { total, batch: input.batch, onDone: (done) => clock.note(done) });
  const perSecond = clock.perSecond(total);
  const { rows } = await db.query<{ left: number }>("SELECT count(*) AS left FROM tasks WHERE state <> 'completed'");
  await db.close();
  if (rows[0]?.left !== 0) throw new Error(`${rows[0]?.left} of ${total} tasks were left`);
  return { perSecond, rowsEach: await rowsWrittenEach(serverUrl, "ours", total) };
}

/**
 * Row versions (inserted, updated, deleted) that a task cost after it was queued, which is one. Backends hand in their counts at
 * their end, so the database's connections must be closed.
 */
export async function rowsWrittenEach(serverUrl: string, name: string, total: number): Promise<number> {
  const server = openDatabase({ url: serverUrl, max: 1, applicationName: "bench" });
  const { rows } = await server.query<{ written: string }>(
    "SELECT tup_inserted + tup_updated + tup_deleted AS written FROM pg_stat_database WHERE datname = $1",
    [name],
  );
  await server.close();
  return Number(rows[0]?.written) / total - 1;
}

/** Starts when `warmUp` are done, and counts only what comes after. */
export function makeClock(warmUp: number): { note: (done: number) => void; perSecond: (total: number) => number } {
  let start: { ms: number; done: number } | undefined;
  return {
    note: (done) => {
      if (done >= warmUp) start ??= { ms: performance.now(), done };
    },
    perSecond: (total) => (start ? ((total - start.done) / (performance.now() - start.ms)) * 1000 : Number.NaN),
  };
}

export async function queueTasks(db: Database, count: number): Promise<void> {
  await db.query("INSERT INTO tenants (id, name) VALUES ('bench', 'Bench') ON CONFLICT DO NOTHING");
  await db.query(
    `INSERT INTO tasks (tenant_id, environment, spec, step_count, queue_key, queue_expires_at)
     SELECT 'bench', 'dev', '{"steps": [{"action": "goto", "url": "https://example.com/"}]}', 1, now() + n * interval '1 microsecond', now() + interval '1 day'
     FROM generate_series(1, $1::int) AS n`,
    [count],
  );
}

/**
 * As in the product: one assigner gives out what is free, at most a batch a call, whenever a sandbox has become free; each sandbox
 * takes what it got in one go, and all of them at once.
 */
async function runAll(
  db: Database,
  boxes: readonly TestSandbox[],
  input: { total: number; batch: number; onDone: (done: number) => void },
): Promise<void> {
  let done = 0;
  const working = new Set<Promise<void>>();
  const work = async (box: TestSandbox, own: readonly Reservation[]): Promise<void> => {
    await handle(db, box, own);
    done += own.length;
    input.onDone(done);
  };
  const beat = setInterval(() => void Promise.all(boxes.map((box) => box.heartbeat())), times.heartbeatMs);
  try {
    while (done < input.total) {
      const given = await reserveAll(db, input.batch);
      for (const box of boxes) {
        const own = given.filter((one) => one.sandboxId === box.id);
        if (own.length === 0) continue;
        const one = work(box, own).finally(() => working.delete(one));
        working.add(one);
      }
      if (working.size === 0) break;
      await Promise.race(working);
    }
    await Promise.all(working);
  } finally {
    clearInterval(beat);
  }
}

async function reserveAll(db: Database, batch: number): Promise<Reservation[]> {
  const all: Reservation[] = [];
  for (;;) {
    const { reservations, more } = await reserveTasks(db, { limit: batch, times });
    all.push(...reservations);
    if (!more || reservations.length === 0) return all;
  }
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
