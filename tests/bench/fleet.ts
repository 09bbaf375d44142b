import { randomUUID } from "node:crypto";
import { setMaxListeners } from "node:events";
import { parseArgs } from "node:util";
import { seal } from "@valet/contracts/node";
import { createSandbox, moveSandbox, setAllowedReleases, setSealedAgentKey } from "@valet/db";
import { Secret } from "@valet/shared";
import { Agent, request } from "undici";
import { type ControlPlane, startControlPlane } from "./control-plane.ts";
import { makeDurations } from "./fleet/measure.ts";
import { benchDigest, runSimulatedSandbox, sleep } from "./fleet/simulated-sandbox.ts";
import { startStubAgent } from "./fleet/stub-agent.ts";

const slots = 2;
/** The stub agent's, for all hosts. */
const agentKey = "the benchmark's agent key";
/** Issue 2: heartbeats p99 and memory of each process. */
const targets = { p99Ms: 100, rssMb: 350 };
/** Tasks that run through the whole outage. */
const longTasks = 200;

type Phase = "warm-up" | "steady" | "outage" | "back" | "burst";

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
  try {
    const result = await measure(plane, agent.port, { sessions, seconds, outageSeconds });
    process.stdout.write(`${JSON.stringify(result)}\n`);
    if (!result.isWithin) process.exitCode = 1;
  } finally {
    await agent.stop();
    await plane.stop();
  }
}

async function measure(
  plane: ControlPlane,
  agentPort: number,
  input: { sessions: number; seconds: number; outageSeconds: number },
) {
  const tokens = await seed(plane, agentPort, input.sessions);
  const stop = new AbortController();
  setMaxListeners(0, stop.signal);
  const dispatcher = new Agent({ connections: null, keepAliveTimeout: 60_000, headersTimeout: 60_000 });
  const durations = {
    "warm-up": makeDurations(),
    steady: makeDurations(),
    outage: makeDurations(),
    back: makeDurations(),
    burst: makeDurations(),
  };
  const failures = new Map<string, number>();
  let phase: Phase = "warm-up";
  const most = { api: 0, control: 0 };
  const memory = setInterval(() => {
    const now = plane.rssMb();
    most.api = Math.max(most.api, now.api);
    most.control = Math.max(most.control, now.control);
  }, 1_000);
  const fleet = tokens.map((token) =>
    runSimulatedSandbox({
      ...{ apiUrl: plane.apiUrl, token, slots, dispatcher, signal: stop.signal },
      workMs: ({ spec }) => Number(spec.metadata["workMs"] ?? 1_000),
      onCall: (kind, ms) => durations[phase].add(kind, ms),
      onFailure: (kind, status) => {
        const key = `${phase}: ${kind} ${status}`;
        failures.set(key, (failures.get(key) ?? 0) + 1);
      },
    }),
  );
  const quarterMs = ((input.seconds - input.outageSeconds) / 3) * 1_000;
  const ratePerSecond = Math.max(1, input.sessions / 200);
  const submitting = { perSecond: 0 };
  const submitter = submitLoop(plane, dispatcher, submitting, stop.signal, (ms) => durations[phase].add("submit", ms));
  try {
    await untilOpen(plane, input.sessions);
    await sleep(12_000, stop.signal);
    for (let n = 0; n < longTasks; n += 1) await submit(plane, dispatcher, (input.seconds + 60) * 1_000);
    phase = "steady";
    submitting.perSecond = ratePerSecond;
    await sleep(quarterMs, stop.signal);
    phase = "outage";
    plane.killApi();
    await sleep(input.outageSeconds * 1_000, stop.signal);
    await plane.startApi();
    phase = "back";
    await sleep(quarterMs, stop.signal);
    phase = "burst";
    submitting.perSecond = ratePerSecond * 10;
    await sleep(quarterMs, stop.signal);
  } finally {
    clearInterval(memory);
    stop.abort();
    await Promise.all([...fleet, submitter]);
    await dispatcher.destroy();
  }
  const { rows } = await plane.db.query<{ lost: number; unacknowledged: number; completed: number; running: number }>(
    `SELECT count(*) FILTER (WHERE outcome = 'lost') AS lost, count(*) FILTER (WHERE outcome = 'unacknowledged') AS unacknowledged,
       count(*) FILTER (WHERE outcome = 'completed') AS completed, count(*) FILTER (WHERE ended_at IS NULL) AS running FROM attempts`,
  );
  const heartbeat = {
    steadyP99Ms: durations.steady.percentileMs("heartbeat", 0.99),
    burstP99Ms: durations.burst.percentileMs("heartbeat", 0.99),
  };
  const falseExpiries = rows[0]?.lost ?? -1;
  const isWithin =
    Math.max(heartbeat.steadyP99Ms ?? Infinity, heartbeat.burstP99Ms ?? Infinity) <= targets.p99Ms &&
    Math.max(most.api, most.control) <= targets.rssMb &&
    falseExpiries === 0;
  return {
    bench: "fleet",
    ...input,
    heartbeat,
    steady: summary(durations.steady),
    back: summary(durations.back),
    burst: summary(durations.burst),
    rssMb: most,
    falseExpiries,
    attempts: rows[0],
    failures: Object.fromEntries([...failures].sort()),
    targets,
    isWithin,
  };
}

function summary(durations: ReturnType<typeof makeDurations>) {
  return Object.fromEntries(
    durations
      .kinds()
      .filter((kind) => kind !== "assignments")
      .map((kind) => [
        kind,
        {
          count: durations.count(kind),
          p50Ms: durations.percentileMs(kind, 0.5),
          p99Ms: durations.percentileMs(kind, 0.99),
        },
      ]),
  );
}

/** Sandboxes in service that may run the one release. Returns their tokens. */
async function seed(plane: ControlPlane, agentPort: number, sessions: number): Promise<string[]> {
  await setAllowedReleases(plane.db, "dev", "ghosthands", [{ imageDigest: benchDigest, reason: "bench" }]);
  const tokens: string[] = [];
  for (let n = 0; n < sessions; n += 1) {
    const token = randomUUID();
    tokens.push(token);
    await plane.db.tx(async (tx) => {
      const made = await createSandbox(tx, {
        ...{ name: `bench-${n}`, environment: "dev", instanceId: `bench-${n}`, publicIp: "127.0.0.1", agentPort },
        ...{ instanceType: "bench", browserEngine: "chromium", capacity: slots, labels: {}, sealedAgentKey: "sealed" },
        token: new Secret(token),
      });
      if (!made.ok) throw new Error(made.error.message);
      await setSealedAgentKey(tx, made.value.id, seal(new Secret(plane.sealKey), made.value.id, agentKey));
      await moveSandbox(tx, made.value.id, { to: "active", reason: "bench" });
      await tx.query("UPDATE sandboxes SET target_generation = 1 WHERE id = $1", [made.value.id]);
      await tx.query("UPDATE slots SET generation = 1 WHERE sandbox_id = $1", [made.value.id]);
    });
  }
  return tokens;
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
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

async function submitLoop(
  plane: ControlPlane,
  dispatcher: Agent,
  rate: { perSecond: number },
  signal: AbortSignal,
  onMs: (ms: number) => void,
): Promise<void> {
  let owed = 0;
  const pending = new Set<Promise<void>>();
  while (!signal.aborted) {
    owed += rate.perSecond / 20;
    for (; owed >= 1 && pending.size < 500; owed -= 1) {
      const startedAt = performance.now();
      const one = submit(plane, dispatcher, 1_000 + Math.random() * 4_000)
        .then((isStored) => (isStored ? onMs(performance.now() - startedAt) : undefined))
        .finally(() => pending.delete(one));
      pending.add(one);
    }
    await sleep(50, signal);
  }
  await Promise.all(pending);
}

/** False while the API is away. */
async function submit(plane: ControlPlane, dispatcher: Agent, workMs: number): Promise<boolean> {
  const body = {
    steps: [{ action: "goto", url: "http://site.test/" }],
    metadata: { workMs: String(Math.round(workMs)) },
  };
  try {
    const answer = await request(`${plane.apiUrl}/api/v1/tasks`, {
      method: "POST",
      dispatcher,
      headers: { authorization: `Bearer ${plane.adminToken}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    await answer.body.dump();
    return answer.statusCode === 201;
  } catch (error) {
    if (error instanceof Error) return false;
    throw error;
  }
}

if (process.argv[1] === import.meta.filename) await benchFleet();
