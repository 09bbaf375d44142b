import { randomUUID } from "node:crypto";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  ghJobCreatedSchema,
  ghJobViewSchema,
  ghWorkerStatusSchema,
  type GhJobCreate,
  type GhJobView,
  type GhWorkerStatus,
} from "@valet/contracts";
import { findBrowserGroups, groupMembers, signalGroup } from "../workers/process-table.ts";
import type { Bundles } from "./bundles.ts";
import { startChild, type Child } from "./child.ts";
import { makeClient, type GhClient } from "./client.ts";
import { freePort } from "./free-port.ts";
import { startRelay, type Relay } from "./relay.ts";
import { until } from "./until.ts";

export const serviceKey = "a-service-key";

/** One generation of GHOST-HANDS on this machine: api and worker as real processes, and a relay behind them. */
export interface TestHost {
  readonly dataDir: string;
  readonly client: GhClient;
  readonly relay: Relay;
  readonly leaseMs: number;
  api(): Child;
  worker(): Child;
  startApi(): Promise<void>;
  startWorker(): Promise<void>;
  status(): Promise<GhWorkerStatus>;
  /** A path of the worker's status server. */
  atWorker(path: string, method?: "GET" | "POST"): Promise<Response>;
  /** Hands in a job; with a lease and slot 0 unless told otherwise. */
  submit(job: Partial<GhJobCreate> & Pick<GhJobCreate, "steps">): Promise<{ jobId: string; taskId: string }>;
  job(jobId: string): Promise<GhJobView>;
  /** Waits until the end of a job has reached the relay, and returns what it said. */
  finished(taskId: string, timeoutMs?: number): Promise<Record<string, unknown>>;
  slotsReady(count: number): Promise<void>;
  /** Process ids of every browser process of this host, in whatever state. */
  browserPids(): number[];
  profiles(): Promise<string[]>;
  stop(): Promise<void>;
}

export interface HostOptions {
  bundles: Bundles;
  /** host:port that pages may reach although private. */
  siteHost: string;
  leaseMs?: number;
  slots?: number[];
  runtime?: string;
  env?: Record<string, string>;
  worker?: boolean;
}

export async function startHost(options: HostOptions): Promise<TestHost> {
  const leaseMs = options.leaseMs ?? 30_000;
  const dataDir = await mkdtemp(join(tmpdir(), "gh-host-"));
  const [apiPort, workerPort] = [await freePort(), await freePort()];
  const client = makeClient(() => `http://127.0.0.1:${apiPort}`, serviceKey);
  const runtime = options.runtime ?? process.execPath;
  const env = {
    GH_API_PORT: String(apiPort),
    GH_WORKER_PORT: String(workerPort),
    GH_API_URL: `http://127.0.0.1:${apiPort}`,
    GH_WORKER_ID: "worker-1",
    GH_GENERATION: "7",
    GH_IMAGE_TAG: "v1",
    GH_DATA_DIR: dataDir,
    GH_SERVICE_SECRET: serviceKey,
    MAX_CONCURRENT_JOBS: "2",
    GH_ALLOWED_PRIVATE_HOSTS: options.siteHost,
    VALET_LEASE_MS: String(leaseMs),
    ...options.env,
  };
  let api: Child;
  let worker: Child;

  const host: TestHost = {
    dataDir,
    client,
    leaseMs,
    relay: startRelay(client, leaseMs),
    api: () => api,
    worker: () => worker,
    async startApi() {
      api = startChild(runtime, [options.bundles.api], env);
      await until("the api answers", async () => {
        if (api.hasEnded()) throw new Error(api.output());
        return (await fetch(`http://127.0.0.1:${apiPort}/health`)).ok;
      });
    },
    async startWorker() {
      worker = startChild(runtime, [options.bundles.worker], env);
      await until("the worker answers", async () => {
        if (worker.hasEnded()) throw new Error(worker.output());
        return (await host.atWorker("/worker/health")).ok;
      });
    },
    atWorker: (path, method = "GET") =>
      fetch(`http://127.0.0.1:${workerPort}${path}`, { method, signal: AbortSignal.timeout(5_000) }),
    status: async () => ghWorkerStatusSchema.parse(await (await host.atWorker("/worker/status")).json()),
    async submit(job) {
      const taskId = job.valet_task_id ?? randomUUID();
      const body = {
        valet_task_id: taskId,
        idempotency_key: `key-${taskId}`,
        lease: host.relay.lease(),
        slot: 0,
        ...job,
      };
      const created = ghJobCreatedSchema.parse(await client.post("/api/v1/gh/jobs", body));
      return { jobId: created.job_id, taskId };
    },
    job: async (jobId) => ghJobViewSchema.parse(await client.get(`/api/v1/gh/jobs/${jobId}`)),
    finished: (taskId, timeoutMs) =>
      until(
        `the end of task ${taskId}`,
        () => host.relay.events(taskId).find((event) => event.type === "finished")?.data,
        timeoutMs,
      ).catch((error: unknown) => {
        throw new Error(`${String(error)}\n${worker.output()}`);
      }),
    slotsReady: async (count) => {
      await until(`${count} slots are ready`, async () => {
        const { slots } = await host.status();
        return slots.filter((slot) => slot.state === "ready").length === count;
      }).catch((error: unknown) => {
        throw new Error(`${String(error)}\n${worker.output()}`);
      });
    },
    browserPids: () =>
      findBrowserGroups(join(dataDir, "profiles")).flatMap((group) => groupMembers(group).map((member) => member.pid)),
    profiles: () => readdir(join(dataDir, "profiles")),
    async stop() {
      await host.relay.stop();
      worker?.signal("SIGCONT");
      await worker?.kill();
      await api.kill();
      for (const group of findBrowserGroups(join(dataDir, "profiles"))) signalGroup(group, "SIGKILL");
      await rm(dataDir, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
    },
  };

  await host.startApi();
  if (options.worker !== false) {
    await host.startWorker();
    await until("the worker registers", () => host.relay.workers().length === 1);
    const owned = options.slots ?? [0, 1];
    await host.relay.send({ type: "slots", owned, spare: false });
    await host.slotsReady(owned.length);
  }
  return host;
}
