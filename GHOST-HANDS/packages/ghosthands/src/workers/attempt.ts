import type { GhCommand, GhFeedEntry, GhJobSpec, GhJobView, GhLease, Step } from "@valet/contracts";
import { effectOf } from "@valet/contracts";
import type { Logger } from "pino";
import type { HostClock } from "../runtime/host-clock.ts";
import type { ArtifactFolder } from "./artifact-folder.ts";
import type { AttemptJournal } from "./attempt-journal.ts";
import type { Browser } from "./browser.ts";
import { makeDeadlineGate } from "./deadline-gate.ts";
import type { LeaseFiles } from "./lease-file.ts";
import { makeLease } from "./lease.ts";
import { outcomeOf, Stopped, stopped, type Outcome } from "./outcome.ts";
import { makePermitDesk } from "./permits.ts";
import type { Place } from "./places.ts";
import { refuseLocal, runStep, StepFailure } from "./steps.ts";

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

const defaultStepTimeoutMs = 30_000;
const failurePictureMs = 2_000;

export function startAttempt(deps: AttemptDeps): Attempt {
  const { job, jobId, journal, clock } = deps;
  const abort = new AbortController();
  const { signal } = abort;
  const lease = job.lease && makeLease(job.lease, clock);
  const result: Record<string, unknown> = {};
  const fence = job.lease?.fence ?? 0;
  let place: Place | undefined;
  let browser: Browser | undefined;
  let stepsDone = 0;
  let status: GhJobView["status"] = "pending";
  let error: Outcome["error"];
  let currentStep: number | undefined;

  const noteLease = () => {
    if (!lease || !browser || !place || signal.aborted) return;
    const { wallMs, monoMs } = lease.deadline();
    deps.leaseFiles.write(String(place.role), {
      taskId: job.valet_task_id,
      fence,
      leaseId: lease.leaseId,
      deadlineWallMs: wallMs,
      deadlineMonoMs: monoMs,
      browserPid: browser.pid,
      profileDir: browser.profileDir,
      frozen: gate.isFrozen(),
    });
  };
  const frozenChange = (type: "frozen" | "thawed") => () => {
    noteLease();
    journal.event(type, currentStep === undefined ? {} : { stepIndex: currentStep });
    deps.onChange();
  };
  const gate = makeDeadlineGate({
    lease,
    clock,
    onFrozen: frozenChange("frozen"),
    onThawed: frozenChange("thawed"),
    onRenewed: noteLease,
  });
  const permits = makePermitDesk({
    permitMs: lease?.permitMs ?? 0,
    clock,
    send: ({ stepIndex, askId }) =>
      deps.send({
        kind: "permit_ask",
        job_id: jobId,
        valet_task_id: job.valet_task_id,
        fence,
        lease_id: lease?.leaseId ?? "",
        step_index: stepIndex,
        ask_id: askId,
        boot_id: deps.origin.bootId,
      }),
  });

  /** Leave to act now: the deadline is not past and, for a write under a lease, a permit is in hand and fresh. */
  async function commit(step: Step, stepIndex: number, stepSignal: AbortSignal): Promise<void> {
    for (;;) {
      await gate.pass(stepSignal);
      if (!lease || effectOf(step) === "read") return;
      const permit = await gate.untimed(() => permits.ask(stepIndex, stepSignal));
      if (!permit.ok) {
        const message = `the write was not permitted: ${permit.error}`;
        throw stopped("interrupted", "permit_refused", message, stepIndex);
      }
      await journal.permit(stepIndex, permit.value.askId);
      await gate.pass(stepSignal);
      if (permit.value.isUsable()) return;
    }
  }

  async function oneStep(step: Step, stepIndex: number, page: Browser["page"]): Promise<void> {
    const startedAtMs = clock.monoMs();
    const effect = effectOf(step);
    const about = { stepIndex, action: step.action, effect, ...(step.name === undefined ? {} : { name: step.name }) };
    await gate.pass(signal);
    currentStep = stepIndex;
    browser?.network.forgetBlocked();
    journal.event("step_started", about);
    const over = new AbortController();
    const stepSignal = AbortSignal.any([signal, over.signal]);
    const timeoutMs = step.timeoutMs ?? (step.action === "waitFor" ? (step.durationMs ?? 0) : 0) + defaultStepTimeoutMs;
    const timer = gate.timer(timeoutMs, () =>
      over.abort(new StepFailure("step_timeout", timeoutText(step, timeoutMs))),
    );
    let hasActed = false;
    try {
      await abortable(
        runStep(step, {
          page,
          commit: async () => {
            await commit(step, stepIndex, stepSignal);
            hasActed = effect === "write";
          },
          sleep: (ms) =>
            new Promise((resolve) => {
              const nap = gate.timer(ms, resolve);
              stepSignal.addEventListener("abort", () => nap.cancel(), { once: true });
            }),
          keep: async (name, bytes) => keepPicture(name, bytes, stepIndex),
          extracted: (name, value) => void (result[name] = value),
        }),
        stepSignal,
      );
    } catch (cause) {
      const outcome = outcomeOf(cause, browser, stepIndex);
      if (outcome.status !== "failed") throw new Stopped(outcome);
      journal.event("step_failed", { ...about, error: outcome.error });
      over.abort(cause);
      // Not after a write that is still under way: the browser has to go at once.
      if (!hasActed) await failurePicture(page, stepIndex);
      throw new Stopped(outcome);
    } finally {
      timer.cancel();
    }
    stepsDone += 1;
    const done = { ...about, durationMs: Math.round(clock.monoMs() - startedAtMs) };
    if (effect === "write") await journal.durableEvent("step_done", done);
    else journal.event("step_done", done);
  }

  async function keepPicture(name: string, bytes: Buffer, stepIndex: number): Promise<void> {
    const stored = await deps.artifacts.keep(`${job.valet_task_id}.${fence}`, name, bytes);
    journal.event("screenshot", { ...stored, stepIndex });
  }

  async function failurePicture(page: Browser["page"], stepIndex: number): Promise<void> {
    try {
      await keepPicture("failure", await page.screenshot({ timeout: failurePictureMs }), stepIndex);
    } catch (cause) {
      deps.logger.debug({ event: "no_failure_picture", jobId, reason: String(cause) });
    }
  }

  async function run(): Promise<Outcome> {
    await gate.pass(signal);
    const taken = await deps.claim(signal);
    place = taken;
    browser = taken.browser;
    signal.throwIfAborted();
    if (!browser) throw new Error("a claimed place has no browser");
    const { page } = browser;
    gate.attach(browser);
    noteLease();
    browser.network.setPolicy({ allowedDomains: job.allowed_domains, pass: () => gate.pass(signal) });
    void browser.gone.then(() => stop(stopped("interrupted", "browser_died", "the browser died", currentStep)));
    const timer = gate.timer(job.timeout_ms, () => {
      stop(stopped("timed_out", "task_timeout", `the task took longer than ${job.timeout_ms} ms`, currentStep));
    });
    try {
      status = "running";
      journal.event("attempt_started", { slot: taken.role, steps: job.steps.length, ...deps.origin });
      deps.onChange();
      if (job.url !== undefined) {
        await gate.pass(signal);
        refuseLocal(job.url);
        await abortable(page.goto(job.url, { waitUntil: "domcontentloaded", timeout: defaultStepTimeoutMs }), signal);
      }
      for (const [index, step] of job.steps.entries()) await oneStep(step, index, page);
      return { status: "completed" };
    } finally {
      timer.cancel();
    }
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
    const leaseRole = place;
    abort.abort(new Stopped(outcome));
    endBrowser();
    status = outcome.status;
    error = outcome.error;
    try {
      await journal.finished({ ...outcome, result, ...(outcome.error ? { error: outcome.error } : {}) });
    } catch (cause) {
      deps.logger.error({ event: "journal_failed", jobId, error: String(cause) });
    }
    deps.onChange();
    if (leaseRole) await deps.release(leaseRole);
  }

  const done = run()
    .catch((cause: unknown): Outcome => outcomeOf(cause, browser, currentStep))
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
      frozen: gate.isFrozen() && status === "running",
      steps_done: stepsDone,
      result: status === "completed" ? result : null,
      error: error ?? null,
    }),
  };
}

function timeoutText(step: Step, timeoutMs: number): string {
  const on = "selector" in step && step.selector !== undefined ? ` on ${step.selector}` : "";
  return `${step.action}${on} was not done within ${timeoutMs} ms`;
}

/** The work, or the reason it was given up for; what it does afterwards is nobody's business. */
function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}
