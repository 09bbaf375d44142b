import { setTimeout as pause } from "node:timers/promises";
import { type PlanInput, decide, planDeploy } from "@valet/rollout";
import { percentileMs } from "../fleet/measure.ts";
import { type LargeFleet, largeFleet } from "./large-fleet.ts";
import { sizeOf } from "./size.ts";

/** One part a process, so that neither pays for what the other leaves behind; its input, made here, counts into its memory. */
async function main(): Promise<void> {
  const { hosts, tasksAHost, runs, part } = sizeOf();
  const now = Date.now();
  const fleet = largeFleet(hosts, tasksAHost, now);
  const beforeMb = megabytes(process.memoryUsage().rss);
  const times = await (part === "plan" ? measurePlan(fleet, runs, now) : measureDecide(fleet, runs, now));
  const { rss, heapUsed } = process.memoryUsage();
  const result = {
    ...times,
    // The kernel's highest mark of this process, in kB.
    peakRssMb: Math.round(process.resourceUsage().maxRSS / 1024),
    rssMb: megabytes(rss),
    ofThatInputMb: beforeMb,
    heapUsedMb: megabytes(heapUsed),
  };
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

const megabytes = (bytes: number): number => Math.round(bytes / 1_048_576);

async function repeated(runs: number, work: (run: number) => void) {
  const ms: number[] = [];
  // The first few are the compiler's.
  for (let run = -5; run < runs; run += 1) {
    const from = performance.now();
    work(run);
    if (run >= 0) ms.push(performance.now() - from);
    await pause(1);
  }
  return { p50Ms: percentileMs(ms, 0.5) ?? Infinity, p95Ms: percentileMs(ms, 0.95) ?? Infinity };
}

function measureDecide({ deploy, observations }: LargeFleet, runs: number, now: number) {
  return repeated(runs, (run) => void decide(deploy, observations, now + run));
}

function measurePlan({ deploy, observations }: LargeFleet, runs: number, now: number) {
  const input: PlanInput = {
    deploy: { ...deploy, state: "queued", engine: { kind: "waiting" }, hosts: [], startedAt: null },
    observations,
    durations: {
      changes: Array.from({ length: 500 }, (_, place) => ({ order: "start-first", ms: 5000 + place * 20 })),
      taskMs: Array.from({ length: 2000 }, (_, place) => 1000 + place * 60),
    },
    openTasks: observations.sandboxes.flatMap(({ facts }) =>
      facts.openAttempts.map(({ taskId, requeueable }, place) => ({
        ...{ taskId, requeueable, sandboxId: facts.sandboxId, timeoutMs: 600_000 },
        startedAt: now - place * 20_000,
      })),
    ),
    release: { isKnown: true, pruned: null },
    now,
    observedAt: new Map(observations.sandboxes.map(({ facts }) => [facts.sandboxId, now])),
  };
  return repeated(runs, () => void planDeploy(input));
}

await main();
