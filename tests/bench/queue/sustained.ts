import { leaseTimes } from "@valet/shared";
import { type Database, makeTestFleet, migrate, reserveTasks } from "@valet/db";
import { freshDatabase, handle, queueTasks } from "./ours.ts";

const times = leaseTimes();
const tickMs = 50;
/** Latency and dead tuples of the last third may exceed those of the first by this much. */
const flatFactor = 2;
/** A task leaves two or three dead tuples; autovacuum looks every 10 s, and may miss one turn. */
const betweenVacuums = 10_000;

export interface Sustained {
  seconds: number;
  perSecond: number;
  completed: number;
  /** Ten equal stretches: p50 and p99 of queued → completed in ms, dead tuples of the hot tables at the end. */
  stretches: { p50Ms: number; p99Ms: number; deadTuples: number }[];
  isFlat: boolean;
}

/** Submits at a steady rate, and takes each task through its whole life as it comes. */
export async function holdRate(serverUrl: string, input: { seconds: number; perSecond: number }): Promise<Sustained> {
  const { db, url } = await freshDatabase(serverUrl, "sustained");
  await migrate(url, { environment: "dev" });
  const box = await makeTestFleet(db, times).addSandbox({ capacity: 100 });
  const stretches: Sustained["stretches"] = [];
  let completed = 0;
  const endMs = performance.now() + input.seconds * 1000;
  const stretchMs = (input.seconds * 1000) / 10;
  let waited: number[] = [];
  let stretchEndsMs = performance.now() + stretchMs;
  let owed = 0;
  let lastMs = performance.now();
  let beatMs = lastMs;
  while (performance.now() < endMs) {
    const nowMs = performance.now();
    owed += ((nowMs - lastMs) / 1000) * input.perSecond;
    lastMs = nowMs;
    // A sandbox that is silent for three heartbeats gets nothing more.
    if (nowMs - beatMs > times.heartbeatMs / 2) {
      await box.heartbeat();
      beatMs = nowMs;
    }
    const count = Math.floor(owed);
    owed -= count;
    if (count > 0) await queueTasks(db, count);
    const { reservations } = await reserveTasks(db, { limit: 100, times });
    if (reservations.length > 0) await handle(db, box, reservations);
    completed += reservations.length;
    if (reservations.length > 0) waited.push(performance.now() - nowMs);
    if (performance.now() >= stretchEndsMs) {
      stretches.push({ ...percentiles(waited), deadTuples: await deadTuples(db) });
      waited = [];
      stretchEndsMs += stretchMs;
    }
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, tickMs - (performance.now() - nowMs))));
  }
  await db.close();
  return {
    ...input,
    completed,
    stretches,
    isFlat: isFlat(stretches) && completed >= input.seconds * input.perSecond * 0.95,
  };
}

function percentiles(values: readonly number[]): { p50Ms: number; p99Ms: number } {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number => Math.round((sorted[Math.floor((sorted.length - 1) * share)] ?? 0) * 10) / 10;
  return { p50Ms: at(0.5), p99Ms: at(0.99) };
}

async function deadTuples(db: Database): Promise<number> {
  const { rows } = await db.query<{ dead: number }>(
    `SELECT coalesce(sum(n_dead_tup), 0)::bigint AS dead FROM pg_stat_user_tables
     WHERE relname IN ('tasks', 'slots', 'attempts', 'tenants', 'sandboxes', 'sessions', 'generations')`,
  );
  return rows[0]?.dead ?? 0;
}

/** The first stretch is left out: autovacuum has not come round yet. */
function isFlat(stretches: Sustained["stretches"]): boolean {
  const early = stretches.slice(1, 4);
  const late = stretches.slice(-3);
  const worst = (of: Sustained["stretches"], pick: (one: Sustained["stretches"][number]) => number): number =>
    Math.max(...of.map(pick));
  return (
    worst(late, (one) => one.p50Ms) <= flatFactor * worst(early, (one) => one.p50Ms) &&
    worst(late, (one) => one.deadTuples) <= Math.max(betweenVacuums, flatFactor * worst(early, (one) => one.deadTuples))
  );
}
