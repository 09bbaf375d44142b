import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { type ControlPlane, startControlPlane } from "./control-plane.ts";
import { type Load, type LoadResult, startLoad } from "./fleet/load.ts";
import { seedSandboxes } from "./fleet/seed.ts";
import { benchDigest } from "./fleet/simulated-host.ts";
import { startStubAgent } from "./fleet/stub-agent.ts";

const slots = 2;
/** The stub agent's, for all hosts. */
const agentKey = "the benchmark's agent key";
/** Target: heartbeats p99 and memory of each process. */
const targets = { p99Ms: 100, rssMb: 350 };
/** Tasks that run through the whole outage. */
const longTasks = 200;

interface FleetInput {
  sessions: number;
  seconds: number;
  outageSeconds: number;
}

/**
 * Many sandbox sessions against one api and one control worker: steady, through an API outage, and with a ten-fold burst of
 * submissions. `--sessions N --seconds S --outage S`. Prints JSON.
 */
export default async function benchFleet(): Promise<void> {
  const { values } = parseArgs({
    strict: false,
    options: { sessions: { type: "string" }, seconds: { type: "string" }, outage: { type: "string" } },
  });
  const sessions = Number(values.sessions ?? 2_000);
  const seconds = Number(values.seconds ?? 180);
  const outageSeconds = Number(values.outage ?? Math.min(60, Math.round(seconds / 3)));
  const plane = await startControlPlane({ leaseMs: 300_000 });
  const agent = await startStubAgent(agentKey, benchDigest);
  let load: Load | null = null;
  try {
    const tokens = await seedSandboxes(plane, { sessions, slots, agentPort: agent.port, agentKey });
    load = await startLoad({ apiUrl: plane.apiUrl, adminToken: plane.adminToken, tokens, slots });
    const result = await measure(plane, load, { sessions, seconds, outageSeconds });
    process.stdout.write(`${JSON.stringify(result)}\n`);
    if (!result.isWithin) process.exitCode = 1;
  } finally {
    await load?.stop();
    await agent.stop();
    await plane.stop();
  }
}

async function measure(plane: ControlPlane, load: Load, input: FleetInput) {
  const most = { api: 0, control: 0 };
  const memory = setInterval(() => {
    const now = plane.rssMb();
    most.api = Math.max(most.api, now.api);
    most.control = Math.max(most.control, now.control);
  }, 1_000);
  const loadAverage = { before: loadavg()[0], after: 0 as number | undefined };
  const result = await throughPhases(plane, load, input).finally(() => clearInterval(memory));
  loadAverage.after = loadavg()[0];
  const attempts = await attemptCounts(plane);
  const heartbeat = {
    steadyP99Ms: heartbeatP99(result, "steady"),
    backP99Ms: heartbeatP99(result, "back"),
    burstP99Ms: heartbeatP99(result, "burst"),
  };
  const isWithin =
    Math.max(heartbeat.steadyP99Ms, heartbeat.backP99Ms, heartbeat.burstP99Ms) <= targets.p99Ms &&
    Math.max(most.api, most.control) <= targets.rssMb &&
    attempts.lost === 0;
  const { steady, back, burst } = result.phases;
  const falseExpiries = attempts.lost;
  const { failures } = result;
  return {
    ...{ bench: "fleet", ...input, heartbeat, steady, back, burst, rssMb: most },
    ...{ falseExpiries, attempts, failures, loadAverage, targets, isWithin },
  };
}

async function throughPhases(plane: ControlPlane, load: Load, input: FleetInput): Promise<LoadResult> {
  const quarterMs = ((input.seconds - input.outageSeconds) / 3) * 1_000;
  const ratePerSecond = Math.max(1, input.sessions / 200);
  await untilOpen(plane, input.sessions);
  await pause(12_000);
  await load.submit(longTasks, (input.seconds + 60) * 1_000);
  load.phase("steady");
  load.submitPerSecond(ratePerSecond);
  await pause(quarterMs);
  load.phase("outage");
  plane.killApi();
  await pause(input.outageSeconds * 1_000);
  // The hosts' storm begins with the API's first answer, not when it was found healthy.
  load.phase("back");
  await plane.startApi();
  await pause(quarterMs);
  load.phase("burst");
  load.submitPerSecond(ratePerSecond * 10);
  await pause(quarterMs);
  return load.finish();
}

function heartbeatP99({ phases }: LoadResult, phase: "steady" | "back" | "burst"): number {
  return phases[phase].calls["heartbeat"]?.p99Ms ?? Number.POSITIVE_INFINITY;
}

async function attemptCounts(plane: ControlPlane) {
  const { rows } = await plane.db.query<{ lost: number; unacknowledged: number; completed: number; running: number }>(
    `SELECT count(*) FILTER (WHERE outcome = 'lost') AS lost, count(*) FILTER (WHERE outcome = 'unacknowledged') AS unacknowledged,
       count(*) FILTER (WHERE outcome = 'completed') AS completed, count(*) FILTER (WHERE ended_at IS NULL) AS running FROM attempts`,
  );
  if (!rows[0]) throw new Error("counting attempts gave no row");
  return rows[0];
}

async function untilOpen(plane: ControlPlane, sessions: number): Promise<void> {
  const endsAt = Date.now() + 180_000;
  for (;;) {
    const { rows } = await plane.db.query<{ ready: number }>(
      "SELECT count(DISTINCT sandbox_id) AS ready FROM slots WHERE state = 'accepting'",
    );
    if ((rows[0]?.ready ?? 0) >= sessions) return;
    if (Date.now() > endsAt)
      throw new Error(`only ${rows[0]?.ready} of ${sessions} sandboxes became ready in 3 minutes`);
    await pause(500);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

if (process.argv[1] === import.meta.filename) await benchFleet();
