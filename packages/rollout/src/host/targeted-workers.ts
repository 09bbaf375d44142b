import { createHash } from "node:crypto";
import { join } from "node:path";
import type { AgentTargetedWorker, GhWorkerStatus } from "@valet/contracts";
import { err, ok, type Result } from "@valet/shared";
import { makeGhClient } from "./gh-client.ts";
import { targetedUnit, targetedWorkerUnit } from "./generation-units.ts";
import type { GenerationRecord, TargetedWorkerRecord } from "./host-state.ts";
import { sweepProfiles } from "./orphan-sweep.ts";
import type { Host } from "./procedure.ts";
import type { Supervisor } from "./supervisor.ts";
import { freeTargetedPort } from "./targeted-port.ts";

export interface TargetedWorkers {
  start(workerId: string): Promise<Result<AgentTargetedWorker, { message: string }>>;
  stop(workerId: string): Promise<Result<void, { message: string }>>;
  list(): Promise<AgentTargetedWorker[]>;
  /** Starts or adopts those on record; called once at boot. */
  keepAll(): void;
  /** Moves idle ones to the release that serves now: forwards after a deploy, back after a rollback. */
  tick(): Promise<void>;
  dataDirs(): string[];
}

/** GH workers that answer to one id, beside the generations and on their newest release. Their ids and ports outlive restarts. */
export function makeTargetedWorkers(host: Host, supervisor: Supervisor): TargetedWorkers {
  const { state, config, generations, store } = host;
  const records = () => state.value.targetedWorkers;
  const serving = () => generations.live().find((record) => record.state === "serving");
  const dataDirOf = ({ name }: TargetedWorkerRecord) => join(config.ghDataDir, "targeted", name);
  const gh = (worker: TargetedWorkerRecord) =>
    makeGhClient({ host: config.host, apiPort: 0, workerPort: worker.port, serviceSecret: config.ghServiceSecret });

  function keep(worker: TargetedWorkerRecord): void {
    const record = worker.generation === null ? undefined : generations.get(worker.generation);
    if (record) supervisor.keep(targetedWorkerUnit(worker, record, store.rootOf(record.desiredDigest), config));
  }

  async function end(worker: TargetedWorkerRecord): Promise<void> {
    await supervisor.release(targetedUnit(worker), config.stopGraceMs);
    await sweepProfiles(dataDirOf(worker), () => true);
  }

  async function view(worker: TargetedWorkerRecord): Promise<AgentTargetedWorker> {
    const unit = targetedUnit(worker);
    const running = supervisor.running(unit);
    const status = running ? await gh(worker).workerStatus() : undefined;
    return {
      worker_id: worker.workerId,
      name: worker.name,
      status_port: worker.port,
      running: running !== undefined,
      pid: running?.pid ?? null,
      image_digest: status?.image_digest ?? null,
      active_jobs: status?.active_jobs ?? null,
      restarts: supervisor.restarts(unit),
    };
  }

  /** A worker changes release only while nothing runs on it. */
  async function move(worker: TargetedWorkerRecord, target: GenerationRecord): Promise<void> {
    const status: GhWorkerStatus | undefined = await gh(worker).workerStatus();
    if (supervisor.running(targetedUnit(worker)) && !status) return;
    if (status && !status.is_draining) return void (await gh(worker).setDraining(true));
    if (status && status.active_jobs > 0) return;
    await end(worker);
    state.update(() => (worker.generation = target.generation));
    keep(worker);
    host.log("targeted_worker_moved", { workerId: worker.workerId, generation: target.generation });
  }

  return {
    async start(workerId) {
      const known = records().find((worker) => worker.workerId === workerId);
      if (known) return ok(await view(known));
      const record = serving();
      if (!record) return err({ message: "no generation serves on this host yet: deploy a release first" });
      const port = freeTargetedPort(workerId, new Set(records().map((worker) => worker.port)));
      if (port === undefined) return err({ message: "all 50 ports for targeted workers are taken: stop one first" });
      const names = new Set(records().map(({ name }) => name));
      const worker = { workerId, name: nameFor(workerId, names), port, generation: record.generation };
      state.update((value) => void value.targetedWorkers.push(worker));
      keep(worker);
      return ok(await view(worker));
    },
    async stop(workerId) {
      const worker = records().find((entry) => entry.workerId === workerId);
      if (!worker) return err({ message: `no targeted worker ${workerId} here` });
      await end(worker);
      state.update((value) => (value.targetedWorkers = value.targetedWorkers.filter((entry) => entry !== worker)));
      return ok(undefined);
    },
    list: () => Promise.all(records().map(view)),
    keepAll: () => records().forEach(keep),
    async tick() {
      const target = serving();
      if (!target) return;
      const strayed = records().filter((worker) => worker.generation !== target.generation);
      await Promise.all(strayed.map((worker) => move(worker, target)));
    },
    dataDirs: () => records().map(dataDirOf),
  };
}

/** `gh-worker-<first 8 of id>`, with a short hash behind it when that name is another id's. */
export function nameFor(workerId: string, taken: ReadonlySet<string>): string {
  const short = `gh-worker-${workerId.replace(/[^A-Za-z0-9_-]/g, "-").slice(0, 8)}`;
  if (!taken.has(short)) return short;
  return `${short}-${createHash("sha256").update(workerId).digest("hex").slice(0, 6)}`;
}
