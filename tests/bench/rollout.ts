import { availableParallelism, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { agentDeploySchema } from "@valet/contracts";
import { defaultKnobs } from "@valet/shared";
import { startTestStack, type SubmittedTask, type TestStack } from "../harness/test-stack.ts";
import { waitFor } from "../../tools/local-stack/wait-for.ts";

/** Target: the engine adds at most this to what the hosts themselves need, and long tasks change nothing. */
const targets = { overheadRatio: 1.15, busyToIdleRatio: 1.2 };
const sandboxes = 3;
const slots = 2;

/** One rollout over the fleet, measured. */
interface Run {
  /** Until all new work ran on the new version. */
  newWorkMs: number;
  /** Sum over waves (one host each, by the shipped knobs) of what the host measured: fetch, boot, verify. */
  hostsMs: number;
  lastOldTaskMs: number | null;
  minCapacityPct: number | null;
  tasksKilled: number;
  /** Of the whole machine, over the last minute of the rollout: other work on it is in every figure above. */
  load: number;
}

/**
 * Rolling start-first with the shipped knobs over three real sandboxes, idle and with 60-second tasks in every slot, alternated.
 * `--rounds N` (5), `--seconds N` a task (60). Prints JSON.
 */
export default async function benchRollout(): Promise<void> {
  const { values } = parseArgs({ strict: false, options: { rounds: { type: "string" }, seconds: { type: "string" } } });
  const rounds = Number(values.rounds ?? 5);
  const seconds = Number(values.seconds ?? 60);
  const loadBefore = loadNow();
  const stack = await startTestStack({ sandboxes, slots });
  try {
    await stack.install("v0");
    const idle: Run[] = [];
    const busy: Run[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      idle.push(await rollOut(stack, `idle-${round}`));
      busy.push(await withTasks(stack, seconds, () => rollOut(stack, `busy-${round}`)));
    }
    const machine = { cores: availableParallelism(), loadBefore, loadAfter: loadNow() };
    const result = { ...summarise(idle, busy, seconds), machine };
    process.stdout.write(`${JSON.stringify(result)}\n`);
    if (!result.isWithin) process.exitCode = 1;
  } finally {
    await stack.close();
  }
}

function summarise(idle: readonly Run[], busy: readonly Run[], seconds: number) {
  const overhead = (runs: readonly Run[]) => median(runs.map((run) => run.newWorkMs / run.hostsMs));
  const idleRatio = overhead(idle);
  const busyRatio = overhead(busy);
  const newWorkRatio = median(busy.map((run) => run.newWorkMs)) / median(idle.map((run) => run.newWorkMs));
  const tasksKilled = [...idle, ...busy].reduce((sum, run) => sum + run.tasksKilled, 0);
  return {
    bench: "rollout",
    fleet: { sandboxes, slots },
    knobs: defaultKnobs(),
    taskSeconds: seconds,
    idle: { ratio: round2(idleRatio), runs: idle },
    busy: { ratio: round2(busyRatio), runs: busy },
    busyToIdle: round2(newWorkRatio),
    tasksKilled,
    targets,
    isWithin:
      idleRatio <= targets.overheadRatio &&
      busyRatio <= targets.overheadRatio &&
      newWorkRatio <= targets.busyToIdleRatio &&
      tasksKilled === 0,
  };
}

/** A release that differs from the one before in its version alone, by the shipped knobs. */
async function rollOut(stack: TestStack, version: string): Promise<Run> {
  await stack.publish(version);
  const id = await stack.startDeploy(version, {});
  const view = await stack.untilDeploy(id, ["completed"], 600_000);
  const { newWorkOnNewVersionMs, lastOldTaskEndedMs, minCapacityPct } = view.measures;
  if (newWorkOnNewVersionMs === null) throw new Error(`deploy ${id} completed and has no measure of its new work`);
  const hosts = await Promise.all(stack.sandboxes.map((sandbox) => hostMs(sandbox.address, id)));
  const [cut] = await stack.rows<{ n: number }>(
    "SELECT count(*)::int AS n FROM attempts WHERE outcome IN ('interrupted', 'lost', 'cancelled', 'timed_out') AND ended_at >= $1",
    [view.createdAt],
  );
  return {
    newWorkMs: Math.round(newWorkOnNewVersionMs),
    hostsMs: hosts.reduce((sum, ms) => sum + ms, 0),
    lastOldTaskMs: lastOldTaskEndedMs,
    minCapacityPct,
    tasksKilled: cut?.n ?? 0,
    load: loadNow(),
  };
}

/** What the host measured itself: fetch, then start to verified (which holds the boot). */
async function hostMs(address: { host: string; agentPort: number }, deployId: string): Promise<number> {
  const response = await fetch(`http://${address.host}:${address.agentPort}/deploys/${deployId}`, {
    signal: AbortSignal.timeout(5_000),
  });
  const { timings } = agentDeploySchema.parse(await response.json());
  const { fetchMs, verifyMs } = timings;
  if (fetchMs === undefined || verifyMs === undefined) throw new Error("the host has no timings of this deploy");
  return fetchMs + verifyMs;
}

/** Keeps every slot busy with long tasks while `run` runs, then lets them end. */
async function withTasks(stack: TestStack, seconds: number, run: () => Promise<Run>): Promise<Run> {
  const tasks: SubmittedTask[] = [];
  for (let n = 0; n < sandboxes * slots; n += 1) {
    tasks.push(await stack.submitApplication(seconds, { timeoutMs: (seconds + 120) * 1000 }));
  }
  await stack.untilRunning(sandboxes * slots);
  const measured = await run();
  const states = await stack.untilEnded(tasks, (seconds + 180) * 1000);
  const notCompleted = [...states.values()].filter((state) => state !== "completed").length;
  await waitFor("every slot to accept work", async () =>
    (await stack.rows("SELECT 1 FROM slots WHERE state <> 'accepting'")).length === 0 ? true : undefined,
  );
  return { ...measured, tasksKilled: measured.tasksKilled + notCompleted };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

const loadNow = (): number => round2(loadavg()[0] ?? Number.NaN);

const round2 = (value: number): number => Math.round(value * 100) / 100;
