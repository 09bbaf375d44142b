import type { AgentGeneration, GhWorkerStatus } from "@valet/contracts";
import type { Clock } from "@valet/shared";
import { type GhClient, makeGhClient } from "./gh-client.ts";
import { apiUnit, generationUnits, lastWords, tailLog, workerUnit } from "./generation-units.ts";
import type { HostConfig } from "./host-config.ts";
import {
  type GenerationRecord,
  type HostStateFile,
  isLive,
  liftDrain,
  moveGeneration,
  type ReleaseRef,
} from "./host-state.ts";
import { sweepProfiles } from "./orphan-sweep.ts";
import { freePorts } from "./ports.ts";
import type { ReleaseStore } from "./release-store.ts";
import type { Supervisor } from "./supervisor.ts";
import type { VerifyTarget } from "./verify-generation.ts";

/** What one generation's processes say right now. null: no sound answer. */
export interface Observation {
  api: { digest: string | null; version: string } | null;
  worker: GhWorkerStatus | null;
}

export interface Generations {
  /** Loopback address they listen on. */
  host: string;
  /**
   * A holder's drain of the whole host, or its end; it lasts over restarts of everything. Answers how many GH workers did not hear of
   * it; they are told again until they do.
   */
  drainHost(draining: boolean, holder: string): Promise<number>;
  all(): readonly GenerationRecord[];
  live(): GenerationRecord[];
  get(generation: number): GenerationRecord | undefined;
  gh(record: GenerationRecord): GhClient;
  observe(record: GenerationRecord): Promise<Observation>;
  /** Numbers a new generation, writes it down (with what `alongside` changes, in the same write), and starts its processes. */
  create(release: ReleaseRef, reason: string, alongside: (record: GenerationRecord) => void): Promise<GenerationRecord>;
  /** Starts or adopts the processes of one that is on record. */
  keep(record: GenerationRecord): void;
  /** Ends its processes, its browsers and its profiles; nothing of it is left when this resolves. */
  end(record: GenerationRecord, reason: string, graceMs?: number): Promise<void>;
  verifyTarget(record: GenerationRecord): VerifyTarget;
  view(record: GenerationRecord): Promise<AgentGeneration>;
}

export interface GenerationsDeps {
  config: HostConfig;
  state: HostStateFile;
  store: ReleaseStore;
  supervisor: Supervisor;
  clock: Clock;
}

/** The generations of this host: whole GH api + GH worker pairs, identified by number. */
export function makeGenerations({ config, state, store, supervisor, clock }: GenerationsDeps): Generations {
  const gh = (record: GenerationRecord) =>
    makeGhClient({ ...record, host: config.host, serviceSecret: config.ghServiceSecret });
  const live = () => state.value.generations.filter(isLive).sort((a, b) => b.generation - a.generation);
  const ending = new Map<number, Promise<void>>();

  function keep(record: GenerationRecord): void {
    for (const unit of generationUnits(record, store.rootOf(record.desiredDigest), config)) supervisor.keep(unit);
  }

  async function create(release: ReleaseRef, reason: string, alongside: (record: GenerationRecord) => void) {
    const promised = new Set(live().flatMap(({ apiPort, workerPort }) => [apiPort, workerPort]));
    const [apiPort = 0, workerPort = 0] = await freePorts(config.host, 2, promised);
    const record: GenerationRecord = {
      generation: state.value.nextGeneration,
      state: "starting",
      imageTag: release.imageTag,
      desiredDigest: release.digest,
      apiPort,
      workerPort,
      startedAt: new Date(clock.now()).toISOString(),
      reason,
      afterDrain: "warm",
      handsOver: false,
      warmForMs: 1_800_000,
      warmUntilMs: null,
    };
    state.update((value) => {
      value.nextGeneration += 1;
      value.generations.push(record);
      alongside(record);
    });
    keep(record);
    return record;
  }

  async function endOnce(record: GenerationRecord, reason: string, graceMs: number): Promise<void> {
    // The worker first: on its way out it may still have things to tell its API.
    await supervisor.release(workerUnit(record.generation), graceMs);
    await supervisor.release(apiUnit(record.generation), Math.min(graceMs, 5000));
    await sweepProfiles(config.ghDataDir, (generation) => generation === record.generation);
    if (isLive(record)) state.update(() => moveGeneration(record, "ended", reason));
  }

  async function observe(record: GenerationRecord): Promise<Observation> {
    const client = gh(record);
    const [api, worker] = await Promise.all([client.apiDigest(), client.workerStatus()]);
    return { api: api ?? null, worker: worker ?? null };
  }

  async function drainHost(draining: boolean, holder: string): Promise<number> {
    state.update((value) => {
      liftDrain(value, holder);
      if (draining) value.drainedBy.push(holder);
    });
    const isDrained = state.value.drainedBy.length > 0;
    const concerned = live().filter((record) => isDrained || record.state === "serving");
    const heard = await Promise.all(concerned.map((record) => gh(record).setDraining(isDrained)));
    // One that still boots has no slot to stop, and is told when it answers.
    return heard.filter((isHeard, place) => !isHeard && concerned[place]?.state !== "starting").length;
  }

  return {
    host: config.host,
    drainHost,
    all: () => state.value.generations,
    live,
    get: (generation) => state.value.generations.find((record) => record.generation === generation),
    gh,
    observe,
    create,
    keep,
    end(record, reason, graceMs = config.stopGraceMs) {
      const running = ending.get(record.generation);
      if (running) return running;
      const ended = endOnce(record, reason, graceMs).finally(() => ending.delete(record.generation));
      ending.set(record.generation, ended);
      return ended;
    },
    verifyTarget: (record) => {
      const units = [apiUnit(record.generation), workerUnit(record.generation)];
      return {
        generation: record.generation,
        desiredDigest: record.desiredDigest,
        gh: gh(record),
        processes: () => ({
          running: units.every((unit) => supervisor.running(unit) !== undefined),
          restarts: units.map((unit) => ({ unit, count: supervisor.restarts(unit) })),
        }),
        lastWords: (unit) => lastWords(tailLog(config, unit, 60, 8000)),
      };
    },
    async view(record) {
      const { api, worker } = isLive(record) ? await observe(record) : { api: null, worker: null };
      const isEnded = !isLive(record);
      return {
        generation: record.generation,
        state: record.state,
        imageTag: record.imageTag,
        imageDigest: api !== null && api.digest === worker?.image_digest ? api.digest : null,
        desiredDigest: record.desiredDigest,
        apiPort: record.apiPort,
        workerPort: record.workerPort,
        apiPid: isEnded ? null : (supervisor.running(apiUnit(record.generation))?.pid ?? null),
        workerPid: isEnded ? null : (supervisor.running(workerUnit(record.generation))?.pid ?? null),
        healthy: api !== null && worker !== null,
        accepting: worker?.accepting ?? false,
        activeJobs: isEnded ? 0 : (worker?.active_jobs ?? null),
        restarts: supervisor.restarts(apiUnit(record.generation)) + supervisor.restarts(workerUnit(record.generation)),
        startedAt: record.startedAt,
        host: config.host,
        reason: record.reason,
      };
    },
  };
}
