import { parseArgs } from "node:util";
import { coverageOf } from "../../packages/rollout/src/simulation/coverage.ts";
import { sweepParallel } from "../../packages/rollout/src/simulation/sweep-parallel.ts";

/** Target: 10,000 seeds in at most 10 min on two cores, and at least 95 % of the reachable pairs of state and fault met. */
const targets = { seedsPerMinute: 1000, coverage: 0.95 };

/**
 * Simulated seeds a minute at 20 hosts, and the share of (deploy state or host step × fault) pairs that they meet. `--seeds N` (2,000),
 * `--hosts N` (20), `--threads N` (2). Prints JSON; exit 1 when a law is broken.
 */
export default async function benchSim(): Promise<void> {
  const { values } = parseArgs({
    strict: false,
    options: { seeds: { type: "string" }, hosts: { type: "string" }, threads: { type: "string" } },
  });
  const count = Number(values.seeds ?? 2000);
  const hosts = Number(values.hosts ?? 20);
  const startedMs = performance.now();
  const swept = await sweepParallel({ from: 1, count, hosts }, Number(values.threads ?? 2));
  const seconds = (performance.now() - startedMs) / 1000;
  const seedsPerMinute = Math.round((swept.seeds / seconds) * 60);
  const { share, missing } = coverageOf(new Set(swept.pairs));
  const result = {
    bench: "sim",
    hosts,
    seeds: swept.seeds,
    events: swept.events,
    violations: swept.failed.length,
    seconds: Math.round(seconds * 10) / 10,
    seedsPerMinute,
    secondsFor10000: Math.round((seconds / swept.seeds) * 10_000),
    coverage: Math.round(share * 10_000) / 10_000,
    pairsNotMet: missing.length,
    targets,
    isWithin: seedsPerMinute >= targets.seedsPerMinute && share >= targets.coverage && swept.failed.length === 0,
  };
  process.stdout.write(`${JSON.stringify(result)}\n`);
  if (swept.failed.length > 0) process.exitCode = 1;
}
