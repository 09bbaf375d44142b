import { execFile } from "node:child_process";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

const root = dirname(dirname(import.meta.dirname));
const runs = 15;
/** Target: `valet` starts in at most this long. */
const targetMs = 250;

/** Median start time of the launcher with the built command line, for two commands that ask nobody. Prints JSON. */
export default async function benchCliStart(): Promise<void> {
  // The first run may have to build.
  await timeMs(["--version"]);
  const versionMs = await medianMs(["--version"]);
  const helpMs = await medianMs(["status", "--help"]);
  const isWithin = Math.max(versionMs, helpMs) <= targetMs;
  process.stdout.write(`${JSON.stringify({ bench: "cli-start", runs, versionMs, helpMs, targetMs, isWithin })}\n`);
  if (!isWithin) process.exitCode = 1;
}

async function medianMs(args: readonly string[]): Promise<number> {
  const times: number[] = [];
  for (let run = 0; run < runs; run += 1) times.push(await timeMs(args));
  times.sort((a, b) => a - b);
  return Math.round(times[Math.floor(runs / 2)] ?? Number.NaN);
}

async function timeMs(args: readonly string[]): Promise<number> {
  const startMs = performance.now();
  await promisify(execFile)(join(root, "valet"), args, { timeout: 60_000 });
  return performance.now() - startMs;
}
