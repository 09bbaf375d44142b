import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startEmbeddedPostgres } from "@valet/db";
import { measureGraphile } from "./queue/graphile.ts";
import { type Measured, measureOurs } from "./queue/ours.ts";
import { holdRate } from "./queue/sustained.ts";

/** Target: at least the peer's throughput at the same batch size, and 200 tasks/s held with dead tuples and latency flat. */
const targetRatio = 1;
const sustainedPerSecond = 200;
/** Postgres plans a prepared statement anew for its first five runs on each connection. */
const warmUpBatches = 40;

export interface QueueBenchInput {
  /** How long 200 tasks/s are held; 0 leaves that part out. */
  seconds: number;
  rounds?: number;
  batch?: number;
  tasks?: number;
}

/** `--seconds N` (600), `--rounds N` (5), `--batch N` (50), `--tasks N` a round (10,000). Prints JSON. */
export default async function main(): Promise<void> {
  const { values } = parseArgs({
    strict: false,
    options: {
      seconds: { type: "string" },
      rounds: { type: "string" },
      batch: { type: "string" },
      tasks: { type: "string" },
    },
  });
  const result = await benchQueue({
    seconds: Number(values.seconds ?? 600),
    rounds: Number(values.rounds ?? 5),
    batch: Number(values.batch ?? 50),
    tasks: Number(values.tasks ?? 10_000),
  });
  process.stdout.write(`${JSON.stringify(result)}\n`);
  if (!result.isWithin) process.exitCode = 1;
}

/**
 * Reserve + acknowledge + events + complete, with real fences and slots, against graphile-worker on the same durable Postgres:
 * alternated rounds, median ratio. Then the sustained rate.
 */
export async function benchQueue({ seconds, rounds = 5, batch = 50, tasks = 10_000 }: QueueBenchInput) {
  const dataDir = mkdtempSync(join(tmpdir(), "valet-bench-queue-"));
  chmodSync(dataDir, 0o755);
  const server = await startEmbeddedPostgres({ dataDir });
  try {
    const ours: Measured[] = [];
    const peer: Measured[] = [];
    const measure = { tasks, batch, warmUp: batch * warmUpBatches };
    for (let round = 0; round < rounds; round += 1) {
      ours.push(await measureOurs(server.url, measure));
      peer.push(await measureGraphile(server.url, measure));
    }
    const ratioOf = (of: (one: Measured) => number) =>
      rounded(median(ours.map((own, round) => of(own) / of(peer[round] ?? { perSecond: Number.NaN, rowsEach: 0 }))));
    const ratio = ratioOf(({ perSecond }) => perSecond);
    const sustained = seconds > 0 ? await holdRate(server.url, { seconds, perSecond: sustainedPerSecond }) : null;
    return {
      bench: "queue",
      batch,
      tasks,
      oursPerSecond: ours.map(({ perSecond }) => Math.round(perSecond)),
      peerPerSecond: peer.map(({ perSecond }) => Math.round(perSecond)),
      ratio,
      targetRatio,
      // What is behind the ratio: how many row versions each writes for one task, and how many a second.
      oursRowsEach: rounded(median(ours.map(({ rowsEach }) => rowsEach))),
      peerRowsEach: rounded(median(peer.map(({ rowsEach }) => rowsEach))),
      rowsPerSecondRatio: ratioOf(({ perSecond, rowsEach }) => perSecond * rowsEach),
      sustained,
      isWithin: ratio >= targetRatio && (sustained === null || sustained.isFlat),
    };
  } finally {
    await server.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

const rounded = (value: number): number => Math.round(value * 100) / 100;

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
