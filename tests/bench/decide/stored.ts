import { openDatabase, type Database } from "@valet/db";
import { type Observation, type Observations, decide } from "@valet/rollout";
import { defaultKnobs, leaseTimes } from "@valet/shared";
import { makeDeployStore } from "../../../apps/worker/src/control/deploy-store.ts";
import { percentileMs } from "../fleet/measure.ts";
import { generation, healthOf, oldDigest } from "./large-fleet.ts";
import { sizeOf } from "./size.ts";
import { storeDeploy, storeFleet } from "./stored-fleet.ts";

/** Load, facts, decision and save, from the first save (which writes every host once) through the passes after it. */
async function main(): Promise<void> {
  const { url, runs, ...size } = sizeOf();
  const db = openDatabase({ url, max: 10, applicationName: "bench" });
  try {
    await storeFleet(db, { environment: "production", ...size });
    process.stdout.write(`${JSON.stringify(await measure(db, runs))}\n`);
  } finally {
    await db.close();
  }
}

async function measure(db: Database, runs: number) {
  const knobs = { ...defaultKnobs(), maxParallel: 100 };
  const id = await storeDeploy(db, { environment: "production", service: "ghosthands", knobs });
  const store = makeDeployStore(db, leaseTimes(300_000));
  const ms: number[] = [];
  const parts = { loadMs: 0, factsMs: 0, decideMs: 0, saveMs: 0 };
  let startMs = 0;
  let saves = 0;
  for (let run = 0; run <= runs; run += 1) {
    const from = performance.now();
    const deploy = await store.load(id);
    if (!deploy) throw new Error("the deploy is gone");
    const loaded = performance.now();
    const { environment, sandboxes } = await store.facts(deploy);
    const known = performance.now();
    const observations: Observations = { environment, sandboxes: sandboxes.map((facts) => seen(facts, run)) };
    const observed = performance.now();
    const now = Date.now();
    const { next, isChanged, decisions, writes } = decide(deploy, observations, now);
    const done = performance.now();
    if (isChanged) {
      const change = { decisions, writes, seen: { deploy, observations, now } };
      if ((await store.save(next, deploy.revision, change)) !== "saved") throw new Error("another saved it");
      saves += 1;
    }
    const saved = performance.now();
    // Asking the hosts is another part of a pass.
    const tookMs = saved - from - (observed - known);
    if (run === 0) startMs = Math.round(tookMs);
    else ms.push(tookMs);
    Object.assign(parts, {
      ...{ loadMs: Math.round(loaded - from), factsMs: Math.round(known - loaded) },
      ...{ decideMs: Math.round(done - observed), saveMs: Math.round(saved - done) },
    });
  }
  const { rows } = await db.query<{ kb: number }>(
    "SELECT (max(length(input::text)) FILTER (WHERE revision > 3) / 1024)::float8 AS kb FROM deploy_journal",
  );
  return {
    ...{ startMs, p50Ms: percentileMs(ms, 0.5), p95Ms: percentileMs(ms, 0.95) ?? Infinity, last: parts, saves },
    largestEntryKb: Math.round(rows[0]?.kb ?? 0),
    peakRssMb: Math.round(process.resourceUsage().maxRSS / 1024),
  };
}

/** One host in a hundred says something new at each look. */
function seen(facts: Observation["facts"], run: number): Observation {
  const one = generation(1, oldDigest, "serving");
  const isNews = Number(facts.name.split("-")[1]) % 100 === run % 100;
  const health = healthOf(facts.epoch, [isNews ? { ...one, activeJobs: run } : one]);
  return { kind: "seen", health, refusal: null, facts };
}

await main();
