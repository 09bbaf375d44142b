import { randomUUID } from "node:crypto";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { leaseTimes } from "@valet/shared";
import { pino } from "pino";
import { ownDigest } from "../runtime/digest.ts";
import { makeHostClock } from "../runtime/host-clock.ts";
import { listen, listenFailure } from "../runtime/listen.ts";
import { makeArtifactFolder } from "./artifact-folder.ts";
import { sweepLeftovers } from "./boot-sweep.ts";
import { launchBrowser } from "./browser.ts";
import { readWorkerConfig } from "./config.ts";
import { makeDesiredSlotsFile } from "./desired-slots.ts";
import { makeLeaseFiles } from "./lease-file.ts";
import { makeNetworkGuard } from "./network-guard.ts";
import { makePlaces } from "./places.ts";
import { recoverAttempts } from "./recovered-attempts.ts";
import { makeSpoolFolder } from "./spool.ts";
import { makeStatusServer } from "./status-server.ts";
import { makeUplink, type Uplink } from "./uplink.ts";
import { makeWorker, type Worker } from "./worker.ts";

const artifactSweepMs = 60_000;

async function main(): Promise<void> {
  const config = readWorkerConfig();
  const { generation } = config;
  const dataDir = resolve(config.dataDir);
  const clock = makeHostClock();
  const startedMonoMs = clock.monoMs();
  const bootId = randomUUID();
  const logger = pino({
    level: config.logLevel,
    base: { service: "gh-worker", generation, workerId: config.workerId },
  });
  const times = leaseTimes(config.leaseMs);
  const imageDigest = await ownDigest(config.releaseDir, fileURLToPath(import.meta.url));
  const profilesDir = join(dataDir, "profiles");
  const leaseFiles = makeLeaseFiles(dataDir, generation);
  const spools = makeSpoolFolder(dataDir, generation);
  const artifacts = makeArtifactFolder(dataDir);
  await sweepLeftovers({ profilesDir, generation, leaseFiles, logger });
  const recovered = await recoverAttempts(spools, { send: () => undefined, nowMs: () => clock.wallMs() });
  if (recovered.length > 0) logger.warn({ event: "attempts_recovered", count: recovered.length });

  const guard = makeNetworkGuard({ allowedPrivateHosts: config.allowedPrivateHosts, nowMs: () => clock.monoMs() });
  const link: { uplink?: Uplink } = {};
  const onChange = () => link.uplink?.inventoryChanged();
  let browserNumber = 0;
  const places = makePlaces({
    capacity: config.capacity,
    file: makeDesiredSlotsFile(dataDir, generation),
    launch: () => {
      browserNumber += 1;
      return launchBrowser(join(profilesDir, `g${generation}-b${browserNumber}`), { ...config, guard });
    },
    onChange,
    logger,
  });
  const worker = makeWorker({
    identity: { ...config, bootId, imageDigest },
    clock,
    logger,
    places,
    spools,
    recovered,
    leaseFiles,
    artifacts,
    send: (entry) => link.uplink?.send(entry),
    onChange,
  });
  link.uplink = makeUplink({
    ...config,
    bootId,
    confirmMs: times.confirmMs,
    logger,
    inventory: worker.inventory,
    unacknowledged: worker.unacknowledged,
    onDelivered: worker.delivered,
    handle: worker.handle,
  });

  const ending = new AbortController();
  const status = makeStatusServer({
    ...worker,
    isRunning: () => !ending.signal.aborted,
    nowMs: () => clock.wallMs(),
    uptimeMs: () => clock.monoMs() - startedMonoMs,
  });
  const listening = await listen(status.fetch, config).catch((error: unknown) => {
    throw new Error(listenFailure(error, "the GHOST-HANDS worker", config));
  });
  logger.info({ event: "worker_listening", host: config.host, port: listening.port, imageDigest, bootId });

  setInterval(() => worker.checkDeadlines(), Math.min(1_000, Math.max(20, times.leaseMs / 300))).unref();
  const held = () => new Set(worker.inventory().jobs.map((job) => `${job.valet_task_id}.${job.fence ?? 0}`));
  setInterval(() => {
    const kept = held();
    artifacts
      .sweep((attempt) => kept.has(attempt), clock.wallMs())
      .catch((error: unknown) => {
        logger.error({ event: "artifact_sweep_failed", error: String(error) });
      });
  }, artifactSweepMs).unref();
  endWhenDrained(
    worker,
    async () => {
      ending.abort();
      await places.close();
      await listening.close();
      logger.info({ event: "worker_ended" });
    },
    times.heartbeatMs,
  );

  places.want(places.desired());
  await link.uplink.run(ending.signal);
}

/** SIGTERM (and Ctrl-C) is a request to drain and then to end. However often it comes, no job is killed. */
function endWhenDrained(worker: Worker, end: () => Promise<void>, settleMs: number): void {
  let isEnding = false;
  const onSignal = () => {
    worker.drain();
    if (isEnding) return;
    isEnding = true;
    void worker
      .settled(settleMs)
      .then(end)
      .then(() => process.exit(0));
  };
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});
