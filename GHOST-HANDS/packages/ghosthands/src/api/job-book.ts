import { createHash } from "node:crypto";
import type { GhFeedEntry, GhInventory, GhJobSpec, GhJobView, TaskEvent } from "@valet/contracts";
import { finishedDataSchema } from "@valet/contracts";
import { makeChangeSignal } from "../runtime/signal.ts";

export interface JobRecord {
  view: GhJobView;
  /** Absent when this process learned of the job from a worker's inventory. */
  spec: GhJobSpec | undefined;
  workerId: string | undefined;
  events: Map<number, TaskEvent>;
  changed: ReturnType<typeof makeChangeSignal>;
}

/** What this process knows about jobs: told by its callers, corrected by the GH worker's inventory. Memory only. */
export interface JobBook {
  create(jobId: string, spec: GhJobSpec): JobRecord;
  get(jobId: string): JobRecord | undefined;
  list(): JobRecord[];
  /** The complete inventory of one boot of one worker. */
  learn(inventory: GhInventory, isNewBoot: boolean, stillToDeliver: ReadonlySet<string>): void;
  record(entries: readonly GhFeedEntry[], workerId: string): void;
}

const maxEndedJobs = 1000;
const endedStatuses = new Set(["completed", "failed", "cancelled", "timed_out", "interrupted"]);
export const hasEnded = (view: GhJobView) => endedStatuses.has(view.status);

/** The same idempotency key always makes the same job id, so duplicates are seen even after a restart. */
export function jobIdOf(idempotencyKey: string): string {
  const hex = createHash("sha256").update(idempotencyKey).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

export function makeJobBook(nowMs: () => number): JobBook {
  const jobs = new Map<string, JobRecord>();

  const add = (view: GhJobView, spec: GhJobSpec | undefined, workerId: string | undefined): JobRecord => {
    const record: JobRecord = { view, spec, workerId, events: new Map(), changed: makeChangeSignal() };
    jobs.set(view.job_id, record);
    if (jobs.size > maxEndedJobs) {
      const oldest = [...jobs.values()].find((job) => hasEnded(job.view));
      if (oldest) jobs.delete(oldest.view.job_id);
    }
    return record;
  };

  return {
    create: (jobId, spec) => add(newView(jobId, spec, nowMs()), spec, undefined),
    get: (jobId) => jobs.get(jobId),
    list: () => [...jobs.values()],
    learn(inventory, isNewBoot, stillToDeliver) {
      const listed = new Set<string>();
      for (const view of inventory.jobs) {
        listed.add(view.job_id);
        const known = jobs.get(view.job_id) ?? add(view, undefined, inventory.worker_id);
        known.workerId = inventory.worker_id;
        if (!hasEnded(known.view)) known.view = view;
        known.changed.changed();
      }
      if (!isNewBoot) return;
      for (const job of jobs.values()) {
        if (job.workerId !== inventory.worker_id || hasEnded(job.view)) continue;
        if (listed.has(job.view.job_id) || stillToDeliver.has(job.view.job_id)) continue;
        job.view = {
          ...job.view,
          status: "interrupted",
          error: { code: "worker_restarted", message: "the GH worker restarted and no longer knows this job" },
        };
        job.changed.changed();
      }
    },
    record(entries, workerId) {
      for (const entry of entries) {
        const job = jobs.get(entry.job_id);
        if (!job) continue;
        job.workerId = workerId;
        if (entry.kind !== "event") continue;
        job.events.set(entry.event.seq, entry.event);
        job.view = afterEvent(job.view, entry.event);
        job.changed.changed();
      }
    },
  };
}

function newView(jobId: string, spec: GhJobSpec, nowMs: number): GhJobView {
  return {
    job_id: jobId,
    valet_task_id: spec.valet_task_id,
    status: "pending",
    created_at: new Date(nowMs).toISOString(),
    fence: spec.lease?.fence ?? null,
    lease_id: spec.lease?.lease_id ?? null,
    slot: spec.slot ?? null,
    frozen: false,
    steps_done: 0,
    result: null,
    error: null,
  };
}

function afterEvent(view: GhJobView, event: TaskEvent): GhJobView {
  if (hasEnded(view)) return view;
  switch (event.type) {
    case "attempt_started":
      return { ...view, status: "running" };
    case "step_done":
      return { ...view, status: "running", steps_done: view.steps_done + 1 };
    case "frozen":
      return { ...view, frozen: true };
    case "thawed":
      return { ...view, frozen: false };
    case "finished": {
      const data = finishedDataSchema.parse(event.data);
      return { ...view, status: data.status, frozen: false, result: data.result, error: data.error ?? null };
    }
    default:
      return view;
  }
}
