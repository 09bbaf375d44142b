import { parseArgs } from "node:util";
import { loadavg } from "node:os";
import { createTestDatabase } from "@valet/db";
import { bundle } from "./decide/bundled.ts";

/** Target: over 10,000 hosts and 40,000 tasks. `p95Ms` is for a plan and a decision together. */
const targets = { p95Ms: 50, rssMb: 300, storedMs: 1000 };

/** What a container of 300 MB would be told: V8 lets garbage lie as long as nobody says how much memory there is. */
const nodeFlags = ["--max-old-space-size=160"];

/**
 * Planning a deploy and one decision about it, in memory; then the same decision with load and save from Postgres. `--hosts N`
 * (10,000), `--tasks N` a host (4), `--runs N` (40). Prints JSON. Each is measured in a process of its own that runs the built engine
 * by plain Node, as the control worker, which decides, and the API, which plans; their memory is the kernel's highest mark of the
 * whole process, input included.
 */
export default async function benchDecide(): Promise<void> {
  const { values } = parseArgs({
    strict: false,
    options: { hosts: { type: "string" }, tasks: { type: "string" }, runs: { type: "string" } },
  });
  const size = { hosts: Number(values.hosts ?? 10_000), tasksAHost: Number(values.tasks ?? 4) };
  const runs = Number(values.runs ?? 40);
  const load = loadavg()[0];
  const args = ["--hosts", `${size.hosts}`, "--tasks", `${size.tasksAHost}`];
  const inMemory = await bundle("in-memory", nodeFlags);
  const decided = await inMemory.answer([...args, "--runs", `${runs}`, "--part", "decide"]);
  const planned = await inMemory.answer([...args, "--runs", `${runs}`, "--part", "plan"]);
  inMemory.remove();
  const stored = await measureStored([...args, "--runs", `${Math.min(runs, 20)}`]);
  const bothP95Ms = Math.round((Number(decided["p95Ms"]) + Number(planned["p95Ms"])) * 10) / 10;
  const rssMb = Math.max(Number(decided["peakRssMb"]), Number(planned["peakRssMb"]));
  const isWithin = bothP95Ms <= targets.p95Ms && rssMb <= targets.rssMb && Number(stored["p95Ms"]) <= targets.storedMs;
  const how = { measuredIn: "one process each, bundled, plain node", nodeFlags, load };
  const parts = { decide: decided, plan: planned, bothP95Ms, rssMb, stored };
  process.stdout.write(`${JSON.stringify({ bench: "decide", ...size, runs, ...how, ...parts, targets, isWithin })}\n`);
  if (!isWithin) process.exitCode = 1;
}

async function measureStored(args: readonly string[]) {
  const test = await createTestDatabase();
  const stored = await bundle("stored", nodeFlags);
  try {
    return await stored.answer([...args, "--url", test.url]);
  } finally {
    stored.remove();
    await test.drop();
  }
}

if (process.argv[1] === import.meta.filename) await benchDecide();
