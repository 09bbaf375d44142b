import { randomUUID } from "node:crypto";
import {
  type GhCommand,
  type GhFeedEntry,
  type GhInventory,
  type GhJobSpec,
  type TaskEvent,
  ghCommandsPostSchema,
  ghJobCreateSchema,
} from "@valet/contracts";
import { type FakeAnswer, type FakeHttp, type FakeRequest, startFakeHttp } from "./fake-http.ts";

export const fakeDigest = `sha256:${"a".repeat(64)}`;

/** A GH api with its GH worker in one: takes jobs, keeps a journal until it is acknowledged, obeys commands. */
export interface FakeGhApi extends FakeHttp {
  readonly generation: number;
  readonly inventory: GhInventory;
  /** Jobs that really started, in order: one entry a start, so a second start would show. */
  readonly started: GhJobSpec[];
  readonly commands: GhCommand[];
  readonly files: Map<string, string>;
  /** Number of job posts so far, refused ones too. */
  jobPosts: number;
  /** Answers 503 to the next so many job posts. */
  refuseJobs: number;
  /** Answers 422 to every job post. */
  rejectsJobs: boolean;
  event(taskId: string, seq: number, type: TaskEvent["type"], data?: Record<string, unknown>): void;
  /** Puts a raw entry in the feed: something a later release might say. */
  entry(raw: unknown): void;
  ask(taskId: string, stepIndex: number): string;
  finish(taskId: string, seq: number, status?: string): void;
  /** Journal entries that nobody acknowledged. */
  spooled(): number;
  /** The GH api process restarts: another boot, an empty memory, the worker reports everything again. */
  restartApi(): void;
  changed(): void;
}

export async function startFakeGhApi(generation: number, serviceKey = "gh-service-key"): Promise<FakeGhApi> {
  let apiBootId = randomUUID();
  let revision = 0;
  let entries: { revision: number; entry: unknown }[] = [];
  const waiting = new Set<() => void>();

  const feed = async (request: FakeRequest): Promise<FakeAnswer> => {
    const query = request.url.searchParams;
    const isOurs = query.get("api_boot_id") === apiBootId;
    const cursor = isOurs ? Number(query.get("cursor")) : 0;
    if (isOurs && revision <= cursor)
      await new Promise<void>((resolve) => {
        const done = () => {
          clearTimeout(timer);
          waiting.delete(done);
          resolve();
        };
        const timer = setTimeout(done, Number(query.get("wait_ms")));
        waiting.add(done);
        request.signal.addEventListener("abort", done, { once: true });
      });
    const body = {
      api_boot_id: apiBootId,
      cursor: revision,
      entries: entries.filter((item) => item.revision > cursor).map(({ entry }) => entry),
      workers: [{ ...fake.inventory, confirmed_ago_ms: 0, a_field_of_the_next_release: true }],
    };
    return { status: 200, body };
  };
  const create = (json: unknown): FakeAnswer => {
    fake.jobPosts += 1;
    if (fake.rejectsJobs)
      return {
        status: 422,
        body: { error: "validation_error", details: [{ field: "steps", message: "no such step" }] },
      };
    if (fake.refuseJobs > 0) {
      fake.refuseJobs -= 1;
      return { status: 503, body: { error: "no_worker" } };
    }
    const job = ghJobCreateSchema.parse(json);
    const known = fake.inventory.jobs.find((other) => other.job_id === `job-${job.idempotency_key}`);
    const view = known ?? {
      job_id: `job-${job.idempotency_key}`,
      valet_task_id: job.valet_task_id,
      status: "running" as const,
      created_at: new Date().toISOString(),
      fence: job.lease?.fence ?? null,
      lease_id: job.lease?.lease_id ?? null,
      slot: job.slot ?? null,
      frozen: false,
      steps_done: 0,
      result: null,
      error: null,
    };
    if (known) return { status: 409, body: { ...view, duplicate: true } };
    fake.started.push(job);
    fake.inventory.jobs.push(view);
    const slot = fake.inventory.slots.find(({ index }) => index === job.slot);
    if (slot) slot.state = "busy";
    fake.changed();
    return { status: 201, body: view };
  };
  const obey = (json: unknown): FakeAnswer => {
    for (const command of ghCommandsPostSchema.parse(json).commands) {
      fake.commands.push(command);
      if (command.type === "kill")
        fake.inventory.jobs = fake.inventory.jobs.filter(({ job_id }) => job_id !== command.job_id);
      if (command.type !== "acknowledge") continue;
      entries = entries.filter(({ entry }) => {
        const item = entry as GhFeedEntry;
        return !(
          item.kind === "event" &&
          item.valet_task_id === command.valet_task_id &&
          item.event.seq <= command.through_seq
        );
      });
    }
    return { status: 200, body: { accepted: true } };
  };
  const handle = async (request: FakeRequest): Promise<FakeAnswer> => {
    if (request.headers["x-gh-service-key"] !== serviceKey) return { status: 401, body: { error: "unauthorized" } };
    const path = request.url.pathname;
    if (path === "/api/v1/gh/feed") return feed(request);
    if (path === "/api/v1/gh/jobs") return create(JSON.parse(request.bytes.toString()));
    if (path === "/api/v1/gh/commands") return obey(JSON.parse(request.bytes.toString()));
    const file = fake.files.get(path.replace("/api/v1/gh/artifacts/", ""));
    if (file === undefined) return { status: 404, body: { error: "not_found" } };
    return { status: 200, body: Buffer.from(file), contentType: "image/png" };
  };
  const http = await startFakeHttp(handle);
  const jobOf = (taskId: string) => {
    const job = fake.inventory.jobs.find((other) => other.valet_task_id === taskId);
    if (!job) throw new Error(`the fake GH api has no job of task ${taskId}`);
    return job;
  };
  const fake: FakeGhApi = Object.assign(Object.create(http) as FakeHttp, {
    generation,
    inventory: {
      worker_id: "gh-worker-1",
      target_worker_id: null,
      boot_id: randomUUID(),
      generation,
      image_tag: `v${generation}`,
      image_digest: fakeDigest,
      wire: { min: 1, max: 1 },
      max_concurrent: 2,
      accepting: true,
      draining: false,
      spare: "none",
      spare_error: null,
      slots: [
        { index: 0, state: "ready" },
        { index: 1, state: "ready" },
      ],
      jobs: [],
      jobs_completed: 0,
      jobs_failed: 0,
      uptime_seconds: 1,
    } as GhInventory,
    started: [] as GhJobSpec[],
    commands: [] as GhCommand[],
    files: new Map<string, string>(),
    jobPosts: 0,
    refuseJobs: 0,
    rejectsJobs: false,
    event(taskId: string, seq: number, type: TaskEvent["type"], data: Record<string, unknown> = {}) {
      const { job_id, fence, lease_id } = jobOf(taskId);
      const event = { fence: fence ?? 1, seq, type, at: new Date().toISOString(), data };
      fake.entry({ kind: "event", job_id, valet_task_id: taskId, lease_id: lease_id ?? "", event });
    },
    entry(raw: unknown) {
      revision += 1;
      entries.push({ revision, entry: raw });
      for (const done of waiting) done();
    },
    ask(taskId: string, stepIndex: number) {
      const { job_id, fence, lease_id } = jobOf(taskId);
      const ask_id = randomUUID();
      const boot_id = fake.inventory.boot_id;
      fake.entry({
        ...{ kind: "permit_ask", job_id, valet_task_id: taskId, fence, lease_id },
        ...{ step_index: stepIndex, ask_id, boot_id },
      });
      return ask_id;
    },
    finish(taskId: string, seq: number, status = "completed") {
      const job = jobOf(taskId);
      fake.event(taskId, seq, "finished", { status, result: {} });
      fake.inventory.jobs = fake.inventory.jobs.filter((other) => other !== job);
      const slot = fake.inventory.slots.find(({ index }) => index === job.slot);
      if (slot) slot.state = "ready";
      fake.changed();
    },
    spooled: () => entries.length,
    restartApi() {
      apiBootId = randomUUID();
      fake.changed();
    },
    changed() {
      revision += 1;
      for (const done of waiting) done();
    },
  });
  return fake;
}
