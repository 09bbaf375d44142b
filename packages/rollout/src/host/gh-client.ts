import {
  ghHealthSchema,
  ghJobCreatedSchema,
  ghJobViewSchema,
  type GhJobCreate,
  type GhJobView,
  type GhWorkerStatus,
  ghWorkerStatusSchema,
} from "@valet/contracts";
import type { Secret } from "@valet/shared";
import { z } from "zod";

/** What the agent asks one generation's two processes. `undefined`: no sound answer in time; unknown is not zero. */
export interface GhClient {
  apiDigest(): Promise<{ digest: string | null; version: string } | undefined>;
  workerStatus(): Promise<GhWorkerStatus | undefined>;
  setDraining(draining: boolean): Promise<boolean>;
  /** Why the spare browser does not start, if the worker said. */
  spareError(): Promise<string | undefined>;
  submitJob(job: GhJobCreate): Promise<{ jobId: string } | { error: string }>;
  readJob(jobId: string): Promise<GhJobView | undefined>;
}

export interface GhAddress {
  host: string;
  apiPort: number;
  workerPort: number;
  serviceSecret: Secret;
  timeoutMs?: number;
}

/** The part of ghFeedSchema that is read here. */
const spareErrorSchema = z.object({ workers: z.array(z.object({ spare_error: z.string().nullable() })) });

export function makeGhClient({ host, apiPort, workerPort, serviceSecret, timeoutMs = 2000 }: GhAddress): GhClient {
  const api = `http://${host}:${apiPort}`;
  const worker = `http://${host}:${workerPort}`;
  const login = { "x-gh-service-key": serviceSecret.reveal() };

  async function call(url: string, init: RequestInit = {}): Promise<{ status: number; body: unknown } | undefined> {
    try {
      const response = await fetch(url, { ...init, signal: AbortSignal.timeout(timeoutMs) });
      return { status: response.status, body: await response.json() };
    } catch (error) {
      if (error instanceof Error) return undefined;
      throw error;
    }
  }
  async function read<T>(url: string, schema: z.ZodType<T>, init?: RequestInit): Promise<T | undefined> {
    const answer = await call(url, init);
    const parsed = answer?.status === 200 ? schema.safeParse(answer.body) : undefined;
    return parsed?.success ? parsed.data : undefined;
  }

  return {
    async apiDigest() {
      const health = await read(`${api}/health`, ghHealthSchema);
      return health && { digest: health.image_digest ?? null, version: health.version };
    },
    workerStatus: () => read(`${worker}/worker/status`, ghWorkerStatusSchema),
    async setDraining(draining) {
      const answer = await call(`${worker}/worker/${draining ? "drain" : "undrain"}`, { method: "POST" });
      return answer?.status === 200;
    },
    async spareError() {
      const feed = await read(`${api}/api/v1/gh/feed?wait_ms=0`, spareErrorSchema, { headers: login });
      return feed?.workers.find(({ spare_error }) => spare_error !== null)?.spare_error ?? undefined;
    },
    async submitJob(job) {
      const init = {
        method: "POST",
        headers: { ...login, "content-type": "application/json" },
        body: JSON.stringify(job),
      };
      const answer = await call(`${api}/api/v1/gh/jobs`, init);
      if (!answer) return { error: "the GH api did not answer" };
      const created = ghJobCreatedSchema.safeParse(answer.body);
      if (created.success && (answer.status === 201 || answer.status === 409)) return { jobId: created.data.job_id };
      return { error: `the GH api answered ${answer.status}: ${JSON.stringify(answer.body).slice(0, 300)}` };
    },
    readJob: (jobId) => read(`${api}/api/v1/gh/jobs/${encodeURIComponent(jobId)}`, ghJobViewSchema, { headers: login }),
  };
}
