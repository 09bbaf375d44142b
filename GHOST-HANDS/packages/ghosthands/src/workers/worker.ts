import type { GhCommand, GhFeedEntry, GhInventory, GhJobSpec, GhJobView } from "@valet/contracts";
import { ghWire } from "@valet/contracts";
import { assertNever } from "@valet/shared";
import type { Logger } from "pino";
import type { HostClock } from "../runtime/host-clock.ts";
import { makeChangeSignal } from "../runtime/signal.ts";
import type { ArtifactFolder } from "./artifact-folder.ts";
import { makeAttemptJournal, type AttemptJournal } from "./attempt-journal.ts";
import { startAttempt, type Attempt } from "./attempt.ts";
import type { LeaseFiles } from "./lease-file.ts";
import { stopped } from "./outcome.ts";
import type { Places, Role } from "./places.ts";
import type { RecoveredAttempt } from "./recovered-attempts.ts";
import type { AcceptedRecord, SpoolFolder } from "./spool.ts";

export interface WorkerIdentity {
  workerId: string;
  /** A worker of its own beside the generation's, for jobs that name it. */
  isTargeted: boolean;
  bootId: string;
  generation: number;
  imageTag: string;
  imageDigest: string;
  capacity: number;
}

/** The GH worker: turns commands into slots and attempts, and says what it has. */
export interface Worker {
  handle(command: GhCommand): Promise<void>;
  inventory(): GhInventory;
  unacknowledged(): GhFeedEntry[];
  /** The api has these entries of local jobs: nobody else will ask for them. */
  delivered(entries: readonly GhFeedEntry[]): void;
  activeJobs(): number;
  drain(): void;
  undrain(): void;
  /** Every attempt looks at its deadline. */
  checkDeadlines(): void;
  /** Resolves when no job runs and, for `settleMs` at most, when every result is stored by the control plane. */
  settled(settleMs: number): Promise<void>;
}

export interface WorkerDeps {
  identity: WorkerIdentity;
  clock: HostClock;
  logger: Logger;
  places: Places;
  spools: SpoolFolder;
  recovered: readonly RecoveredAttempt[];
  leaseFiles: LeaseFiles;
  artifacts: ArtifactFolder;
  send: (entry: GhFeedEntry) => void;
  onChange: () => void;
}

interface Held {
  view: () => GhJobView;
  journal: AttemptJournal;
  attempt?: Attempt;
}

const maxTaken = 5_000;
const maxEndedLocalJobs = 50;

export function makeWorker(deps: WorkerDeps): Worker {
  const { identity, clock, places, logger } = deps;
  const held = new Map<string, Held>();
  const running = new Map<string, Attempt>();
  const taken = new Set<string>();
  const changed = makeChangeSignal();
  const startedMonoMs = clock.monoMs();
  let isDraining = false;
  let jobsCompleted = 0;
  let jobsFailed = 0;

  for (const { view, journal } of deps.recovered) {
    taken.add(view.job_id);
    held.set(view.job_id, { view: () => view, journal });
  }

  const onChange = () => {
    changed.changed();
    deps.onChange();
  };
  const forget = (jobId: string) => {
    held.get(jobId)?.journal.forget();
    held.delete(jobId);
    onChange();
  };

  async function accept(jobId: string, job: GhJobSpec): Promise<void> {
    if (taken.has(jobId)) return;
    taken.add(jobId);
    if (taken.size > maxTaken) for (const oldest of taken) if (!held.has(oldest) && taken.delete(oldest)) break;
    const accepted: AcceptedRecord = {
      kind: "accepted",
      jobId,
      taskId: job.valet_task_id,
      fence: job.lease?.fence ?? 0,
      leaseId: job.lease?.lease_id ?? "",
      slot: job.slot ?? null,
      generation: identity.generation,
      bootId: identity.bootId,
      at: new Date(clock.wallMs()).toISOString(),
    };
    const spool = deps.spools.accept(accepted);
    if (!spool)
      return logger.warn({ event: "job_taken_before", jobId, taskId: accepted.taskId, fence: accepted.fence });
    // On disk before anything happens: a restart must know that this attempt was begun.
    await spool.flush();
    const journal = makeAttemptJournal({ accepted, spool, send: deps.send, nowMs: () => clock.wallMs() });
    const refusal = refusalOf(job);
    if (refusal) return refuse(jobId, accepted, journal, job, refusal);
    const attempt = startAttempt({
      ...deps,
      jobId,
      job,
      acceptedAt: accepted.at,
      journal,
      origin: identity,
      claim: (signal) => places.claim(roleFor(job), signal),
      release: (place) => places.release(place),
      onChange,
    });
    held.set(jobId, { view: attempt.view, journal, attempt });
    running.set(jobId, attempt);
    onChange();
    void attempt.done
      .catch((error: unknown) => logger.error({ event: "attempt_end_failed", jobId, error: String(error) }))
      .finally(() => ended(jobId, attempt));
  }

  function refusalOf(job: GhJobSpec): { code: string; message: string } | undefined {
    if (isDraining && !job.probe) return { code: "worker_draining", message: "the GH worker is draining" };
    if (job.slot !== undefined && job.slot >= identity.capacity)
      return { code: "no_such_slot", message: `slot ${job.slot} does not exist: there are ${identity.capacity}` };
    return undefined;
  }

  /** Journalled as interrupted before it began: no write can have happened, so it is placed elsewhere at no cost. */
  async function refuse(
    jobId: string,
    accepted: AcceptedRecord,
    journal: AttemptJournal,
    job: GhJobSpec,
    error: { code: string; message: string },
  ): Promise<void> {
    const status = job.lease ? ("interrupted" as const) : ("failed" as const);
    const view: GhJobView = {
      job_id: jobId,
      valet_task_id: job.valet_task_id,
      status,
      created_at: accepted.at,
      fence: job.lease?.fence ?? null,
      lease_id: job.lease?.lease_id ?? null,
      slot: job.slot ?? null,
      frozen: false,
      steps_done: 0,
      result: null,
      error,
    };
    held.set(jobId, { view: () => view, journal });
    await journal.finished({ status, result: {}, error });
    onChange();
  }

  function roleFor(job: GhJobSpec): Role | "any" {
    if (job.probe) return "spare";
    if (job.slot === undefined) return "any";
    const desired = places.desired();
    // The start may overtake the word that the slot is ours: then this is that word.
    if (!desired.owned.includes(job.slot)) places.want({ ...desired, owned: [...desired.owned, job.slot] });
    return job.slot;
  }

  function ended(jobId: string, attempt: Attempt): void {
    running.delete(jobId);
    if (attempt.view().status === "completed") jobsCompleted += 1;
    else jobsFailed += 1;
    const local = [...held.values()].filter((job) => job.view().fence === null && !running.has(job.view().job_id));
    if (local.length > maxEndedLocalJobs && local[0]) held.delete(local[0].view().job_id);
    onChange();
  }

  function byTask(taskId: string, fence: number): [string, Held] | undefined {
    return [...held].find(([, job]) => job.view().valet_task_id === taskId && job.view().fence === fence);
  }

  async function handle(command: GhCommand): Promise<void> {
    switch (command.type) {
      case "start":
        return accept(command.job_id, command.job as GhJobSpec);
      case "cancel":
        return running.get(command.job_id)?.stop(stopped("cancelled", "cancelled", "cancelled on request"));
      case "kill":
        return running
          .get(command.job_id)
          ?.stop(stopped("interrupted", "taken_over", "another attempt has taken this task over"));
      case "renew":
        for (const { valet_task_id, ...lease } of command.leases)
          byTask(valet_task_id, lease.fence)?.[1].attempt?.renew(lease);
        return;
      case "permit":
        return running.get(command.job_id)?.answerPermit(command);
      case "slots":
        return places.want({ owned: command.owned, spare: command.spare });
      case "acknowledge": {
        const found = byTask(command.valet_task_id, command.fence);
        if (found?.[1].journal.acknowledge(command.through_seq)) forget(found[0]);
        return;
      }
      case "drain":
        return setDraining(true);
      case "undrain":
        return setDraining(false);
      default:
        return assertNever(command);
    }
  }

  function setDraining(next: boolean): void {
    if (isDraining === next) return;
    isDraining = next;
    logger.info({ event: next ? "draining" : "accepting", activeJobs: running.size });
    onChange();
  }

  async function settled(settleMs: number): Promise<void> {
    while (running.size > 0) await changed.wait(60_000);
    const giveUpAtMs = clock.monoMs() + settleMs;
    while ([...held.values()].some((job) => job.view().fence !== null) && clock.monoMs() < giveUpAtMs)
      await changed.wait(giveUpAtMs - clock.monoMs());
  }

  return {
    handle,
    settled,
    drain: () => setDraining(true),
    undrain: () => setDraining(false),
    activeJobs: () => running.size,
    unacknowledged: () => [...held.values()].flatMap((job) => job.journal.unacknowledged()),
    delivered(entries) {
      for (const entry of entries)
        if (entry.kind === "event" && entry.lease_id === "" && entry.event.type === "finished")
          held.get(entry.job_id)?.journal.forget();
    },
    checkDeadlines: () => running.forEach((attempt) => attempt.checkDeadline()),
    inventory() {
      const spare = places.spare();
      return {
        worker_id: identity.workerId,
        target_worker_id: identity.isTargeted ? identity.workerId : null,
        boot_id: identity.bootId,
        generation: identity.generation,
        image_tag: identity.imageTag,
        image_digest: identity.imageDigest,
        wire: ghWire,
        max_concurrent: identity.capacity,
        accepting: !isDraining,
        draining: isDraining,
        spare: spare.state,
        spare_error: spare.error,
        slots: places.slots(),
        jobs: [...held.values()].map((job) => job.view()),
        jobs_completed: jobsCompleted,
        jobs_failed: jobsFailed,
        uptime_seconds: Math.round((clock.monoMs() - startedMonoMs) / 1000),
      };
    },
  };
}
