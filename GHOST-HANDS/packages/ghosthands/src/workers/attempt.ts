import type { GhCommand, GhFeedEntry, GhJobSpec, GhJobView, GhLease } from "@valet/contracts";
import type { Logger } from "pino";
import type { HostClock } from "../runtime/host-clock.ts";
import { abortable } from "./abortable.ts";
import type { ArtifactFolder } from "./artifact-folder.ts";
import type { AttemptJournal } from "./attempt-journal.ts";
import type { Browser } from "./browser.ts";
import { makeDeadlineGate } from "./deadline-gate.ts";
import type { LeaseFiles, LeaseNote } from "./lease-file.ts";
import { makeLease, type Lease } from "./lease.ts";
import { outcomeOf, Stopped, stopped, type Outcome } from "./outcome.ts";
import { makePermitDesk } from "./permits.ts";
import type { Place } from "./places.ts";
import { makeStepRunner, type Progress } from "./step-runner.ts";
import { refuseLocal } from "./steps.ts";

/** One try of a job, from its acceptance to its end. */
export interface Attempt {
  view(): GhJobView;
  renew(renewal: GhLease): void;
  answerPermit(answer: Extract<GhCommand, { type: "permit" }>): void;
  /** Ends it now: the browser is killed before this returns. */
  stop(reason: Stopped): void;
  checkDeadline(): void;
  /** Resolves when its end is journalled and its browser released. */
  readonly done: Promise<void>;
}

export interface AttemptDeps {
  jobId: string;
  job: GhJobSpec;
  acceptedAt: string;
  journal: AttemptJournal;
  clock: HostClock;
  leaseFiles: LeaseFiles;
  artifacts: ArtifactFolder;
  logger: Logger;
  /** What `attempt_started` tells beside the slot. */
  origin: { generation: number; imageTag: string; imageDigest: string; bootId: string };
  claim: (signal: AbortSignal) => Promise<Place>;
  release: (place: Place) => Promise<void>;
  send: (entry: GhFeedEntry) => void;
  onChange: () => void;
}

const firstPageTimeoutMs = 30_000;

export function startAttempt(deps: AttemptDeps): Attempt {
  const { job, jobId, journal, clock } = deps;
  const abort = new AbortController();
  const { signal } = abort;
  const fence = job.lease?.fence ?? 0;
  const lease = job.lease && makeLease(job.lease, clock);
  const progress: Progress = { stepsDone: 0, current: undefined, result: {} };
  let place: Place | undefined;
  let browser: Browser | undefined;
  let status: GhJobView["status"] = "pending";
  let error: Outcome["error"];

  const noteLease = () => {
    if (!lease || !browser || !place || signal.aborted) return;
    deps.leaseFiles.write(String(place.role), noteOf(job, lease, browser, gate.isFrozen()));
  };
  const onFreeze = (type: "frozen" | "thawed") => () => {
    noteLease();
    journal.event(type, progress.current === undefined ? {} : { stepIndex: progress.current });
    deps.onChange();
  };
  const gate = makeDeadlineGate({
    lease,
    clock,
    onFrozen: onFreeze("frozen"),
    onThawed: onFreeze("thawed"),
    onRenewed: noteLease,
  });
  const permits = makePermitDesk({
    permitMs: lease?.permitMs ?? 0,
    clock,
    send: (ask) => deps.send(askEntry(deps, ask)),
  });
  const runStep = makeStepRunner({ ...deps, fence, gate, permits, progress, signal });

  async function run(): Promise<Outcome> {
    await gate.pass(signal);
    place = await deps.claim(signal);
    browser = place.browser;
    signal.throwIfAborted();
    if (!browser) throw new Error("a claimed place has no browser");
    const own = browser;
    gate.attach(own);
    noteLease();
    own.network.setPolicy({ allowedDomains: job.allowed_domains, pass: () => gate.pass(signal) });
    void own.gone.then(() => stop(stopped("interrupted", "browser_died", "the browser died", progress.current)));
    const timer = gate.timer(job.timeout_ms, () => {
      const message = `the task took longer than ${job.timeout_ms} ms`;
      stop(stopped("timed_out", "task_timeout", message, progress.current));
    });
    try {
      status = "running";
      journal.event("attempt_started", { slot: place.role, steps: job.steps.length, ...deps.origin });
      deps.onChange();
      if (job.url !== undefined) await openFirst(job.url, own);
      for (const index of job.steps.keys()) await runStep(index, own);
      return { status: "completed" };
    } finally {
      timer.cancel();
    }
  }

  async function openFirst(url: string, { page }: Browser): Promise<void> {
    refuseLocal(url);
    await gate.pass(signal);
    await abortable(page.goto(url, { waitUntil: "domcontentloaded", timeout: firstPageTimeoutMs }), signal);
  }

  function stop(reason: Stopped): void {
    if (signal.aborted) return;
    abort.abort(reason);
    endBrowser();
  }

  /** Nothing happens in the page after this line, whatever playwright still has in flight. */
  function endBrowser(): void {
    browser?.killNow();
    if (place) deps.leaseFiles.remove(String(place.role));
  }

  async function finish(outcome: Outcome): Promise<void> {
    abort.abort(new Stopped(outcome));
    endBrowser();
    status = outcome.status;
    error = outcome.error;
    try {
      await journal.finished({ ...outcome, result: progress.result });
    } catch (cause) {
      deps.logger.error({ event: "journal_failed", jobId, error: String(cause) });
    }
    deps.onChange();
    if (place) await deps.release(place);
  }

  const done = run()
    .catch((cause: unknown): Outcome => outcomeOf(cause, browser, progress.current))
    .then(finish);

  return {
    done,
    stop,
    renew: (renewal) => {
      if (!signal.aborted) gate.renew(renewal);
    },
    answerPermit: (answer) => permits.answer(answer),
    checkDeadline: () => {
      if (!signal.aborted) gate.check();
    },
    view: () => ({
      job_id: jobId,
      valet_task_id: job.valet_task_id,
      status,
      created_at: deps.acceptedAt,
      fence: job.lease?.fence ?? null,
      lease_id: job.lease?.lease_id ?? null,
      slot: typeof place?.role === "number" ? place.role : (job.slot ?? null),
      frozen: gate.isFrozen() && (status === "running" || status === "pending"),
      steps_done: progress.stepsDone,
      result: status === "completed" ? progress.result : null,
      error: error ?? null,
    }),
  };
}

function noteOf(job: GhJobSpec, lease: Lease, browser: Browser, frozen: boolean): LeaseNote {
  const { wallMs, monoMs } = lease.deadline();
  return {
    taskId: job.valet_task_id,
    fence: lease.fence,
    leaseId: lease.leaseId,
    deadlineWallMs: wallMs,
    deadlineMonoMs: monoMs,
    browserPid: browser.pid,
    profileDir: browser.profileDir,
    frozen,
  };
}

function askEntry({ job, jobId, origin }: AttemptDeps, ask: { stepIndex: number; askId: string }): GhFeedEntry {
  return {
    kind: "permit_ask",
    job_id: jobId,
    valet_task_id: job.valet_task_id,
    fence: job.lease?.fence ?? 0,
    lease_id: job.lease?.lease_id ?? "",
    step_index: ask.stepIndex,
    ask_id: ask.askId,
    boot_id: origin.bootId,
  };
}
