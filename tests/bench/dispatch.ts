import { randomBytes } from "node:crypto";
import { parseArgs } from "node:util";
import { type Database, submitTask, tokenHash } from "@valet/db";
import { taskSubmitSchema } from "@valet/contracts";
import { Agent, request } from "undici";
import { startTestStack } from "../harness/test-stack.ts";
import { percentileMs } from "./fleet/measure.ts";

/** Target: API 201 -> browser action started, fleet idle; and with a long queue of others' at most twice that. */
const targets = { p50Ms: 25, p95Ms: 100, crowdedRatio: 2 };

/** What a measurement needs of a running system: one whose slots are ready and that has nothing to do. */
export interface DispatchStack {
  apiUrl: string;
  database: Database;
  environment: "dev" | "staging" | "production";
  /** A page that a task may open. */
  pageUrl: string;
}

/**
 * From the API's 201 to the first browser action, one task at a time on a real sandbox. `--tasks N` (500), `--crowd N` (100,000
 * unplaceable tasks of 500 tenants), `--probes N` (100). Prints JSON.
 */
export default async function benchDispatch(): Promise<void> {
  const { values } = parseArgs({
    strict: false,
    options: { tasks: { type: "string" }, crowd: { type: "string" }, probes: { type: "string" } },
  });
  const stack = await startTestStack({ sandboxes: 1, slots: 2 });
  try {
    await stack.install("v1");
    const target: DispatchStack = { ...stack, pageUrl: stack.site.url };
    const result = await measureDispatch(target, {
      tasks: Number(values.tasks ?? 500),
      crowd: Number(values.crowd ?? 100_000),
      probes: Number(values.probes ?? 100),
    });
    process.stdout.write(`${JSON.stringify(result)}\n`);
    if (!result.isWithin) process.exitCode = 1;
  } finally {
    await stack.close();
  }
}

export async function measureDispatch(stack: DispatchStack, input: { tasks: number; crowd: number; probes: number }) {
  const idle = await probe(stack, "bench-idle", input.tasks);
  const left = await leftBehind(stack, idle.taskIds);
  await queueCrowd(stack, input.crowd);
  const crowded = await probe(stack, "bench-newcomer", input.probes);
  const idleP50Ms = percentileMs(idle.waitedMs, 0.5) ?? Infinity;
  const idleP95Ms = percentileMs(idle.waitedMs, 0.95) ?? Infinity;
  const crowdedP50Ms = percentileMs(crowded.waitedMs, 0.5) ?? Infinity;
  const crowdedRatio = Math.round((crowdedP50Ms / idleP50Ms) * 100) / 100;
  const isWithin =
    idleP50Ms <= targets.p50Ms &&
    idleP95Ms <= targets.p95Ms &&
    crowdedRatio <= targets.crowdedRatio &&
    left.fences === input.tasks &&
    left.acknowledgements === input.tasks &&
    left.attemptsWithEvents === input.tasks;
  return {
    bench: "dispatch",
    ...input,
    idle: { p50Ms: idleP50Ms, p95Ms: idleP95Ms, p99Ms: percentileMs(idle.waitedMs, 0.99) },
    crowded: { p50Ms: crowdedP50Ms, p95Ms: percentileMs(crowded.waitedMs, 0.95) },
    crowdedRatio,
    left,
    targets,
    isWithin,
  };
}

/** Submits one read task after the other, each once the one before has ended and every slot is ready again. */
async function probe(stack: DispatchStack, tenantId: string, count: number) {
  const token = await makeTenant(stack.database, tenantId);
  const dispatcher = new Agent({ keepAliveTimeout: 60_000 });
  const body = JSON.stringify({ steps: [{ action: "goto", url: stack.pageUrl }] });
  const waitedMs: number[] = [];
  const taskIds: string[] = [];
  try {
    for (let n = 0; n < count; n += 1) {
      await untilIdle(stack.database);
      const answer = await request(`${stack.apiUrl}/api/v1/tasks`, {
        method: "POST",
        dispatcher,
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body,
      });
      const answeredAtMs = performance.timeOrigin + performance.now();
      const text = await answer.body.text();
      if (answer.statusCode !== 201) throw new Error(`the API answered ${answer.statusCode}: ${text.slice(0, 200)}`);
      const { id } = JSON.parse(text) as { id: string };
      taskIds.push(id);
      waitedMs.push(Math.max(0, (await firstActionAtMs(stack.database, id)) - answeredAtMs));
    }
  } finally {
    await dispatcher.destroy();
  }
  return { waitedMs, taskIds };
}

/** When the GH worker began the first step, by the clock that is the API client's too: all on one machine. */
async function firstActionAtMs(db: Database, taskId: string): Promise<number> {
  return until(`the first action of task ${taskId}`, async () => {
    const { rows } = await db.query<{ at: Date }>(
      "SELECT at FROM task_events WHERE task_id = $1 AND type = 'step_started' ORDER BY seq LIMIT 1",
      [taskId],
    );
    return rows[0]?.at.getTime();
  });
}

async function untilIdle(db: Database): Promise<void> {
  await until("every slot to be ready", async () => {
    const { rows } = await db.query<{ busy: number }>("SELECT count(*) AS busy FROM slots WHERE state <> 'accepting'");
    return rows[0]?.busy === 0 ? true : undefined;
  });
}

async function until<T>(what: string, check: () => Promise<T | undefined>): Promise<T> {
  const endsAt = Date.now() + 60_000;
  for (;;) {
    const value = await check();
    if (value !== undefined) return value;
    if (Date.now() > endsAt) throw new Error(`never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 15));
  }
}

async function makeTenant(db: Database, tenantId: string): Promise<string> {
  const token = randomBytes(16).toString("hex");
  await db.query("INSERT INTO tenants (id, name) VALUES ($1, $1) ON CONFLICT DO NOTHING", [tenantId]);
  await db.query("INSERT INTO api_tokens (tenant_id, role, name, token_hash) VALUES ($1, 'client', 'bench', $2)", [
    tenantId,
    tokenHash(token),
  ]);
  return token;
}

/** Tasks of 500 tenants that no sandbox can take: one is submitted as clients do, and copied. */
async function queueCrowd(stack: DispatchStack, count: number): Promise<void> {
  const tenants = 500;
  const db = stack.database;
  await db.query(
    "INSERT INTO tenants (id, name) SELECT 'crowd-' || n, 'crowd' FROM generate_series(1, $1::int) AS n ON CONFLICT DO NOTHING",
    [tenants],
  );
  const spec = taskSubmitSchema.parse({
    steps: [{ action: "goto", url: stack.pageUrl }],
    placement: { labels: { region: "nowhere" } },
    queueTimeoutMs: 86_400_000,
  });
  await db.tx(async (tx) => {
    const first = await submitTask(tx, { tenantId: "crowd-1", environment: stack.environment, spec });
    if (!first.ok) throw new Error(first.error.message);
    const { rows } = await tx.query<{ name: string }>(
      `SELECT column_name AS name FROM information_schema.columns
       WHERE table_name = 'tasks' AND column_name NOT IN ('id', 'tenant_id', 'queue_key')`,
    );
    const columns = rows.map(({ name }) => name).join(", ");
    await tx.query(
      `INSERT INTO tasks (id, tenant_id, queue_key, ${columns})
       SELECT gen_random_uuid(), 'crowd-' || (1 + n % $2::int), queue_key + n * interval '1 millisecond', ${columns}
       FROM tasks, generate_series(2, $3::int) AS n WHERE id = $1`,
      [first.value.task.id, tenants, count],
    );
  });
  await db.query("ANALYZE tasks");
}

/** What the run must leave in the database: nothing was taken from memory. */
async function leftBehind(stack: DispatchStack, taskIds: string[]) {
  const { rows } = await stack.database.query<{ fences: number; acknowledgements: number; attemptsWithEvents: number }>(
    `SELECT count(DISTINCT (a.task_id, a.fence)) AS fences, count(a.acknowledged_at) AS acknowledgements,
       count(*) FILTER (WHERE EXISTS (
         SELECT 1 FROM task_events e WHERE e.task_id = a.task_id AND e.fence = a.fence)) AS "attemptsWithEvents"
     FROM attempts a WHERE a.task_id = ANY($1::uuid[])`,
    [taskIds],
  );
  return rows[0] ?? { fences: 0, acknowledgements: 0, attemptsWithEvents: 0 };
}

if (process.argv[1] === import.meta.filename) await benchDispatch();
