import { effectOf, type GhJobSpec, type Step } from "@valet/contracts";
import type { Logger } from "pino";
import type { HostClock } from "../runtime/host-clock.ts";
import { abortable } from "./abortable.ts";
import type { ArtifactFolder } from "./artifact-folder.ts";
import type { AttemptJournal } from "./attempt-journal.ts";
import type { Browser } from "./browser.ts";
import type { DeadlineGate } from "./deadline-gate.ts";
import { outcomeOf, Stopped, stopped } from "./outcome.ts";
import type { PermitDesk } from "./permits.ts";
import { runStep, StepFailure } from "./steps.ts";

/** How far an attempt has come. */
export interface Progress {
  stepsDone: number;
  /** The step under way, or the last one; undefined before the first. */
  current: number | undefined;
  result: Record<string, unknown>;
}

export interface StepRunnerDeps {
  job: GhJobSpec;
  fence: number;
  journal: AttemptJournal;
  gate: DeadlineGate;
  permits: PermitDesk;
  progress: Progress;
  clock: HostClock;
  artifacts: ArtifactFolder;
  logger: Logger;
  /** Aborted when the attempt ends. */
  signal: AbortSignal;
}

const defaultStepTimeoutMs = 30_000;
const failurePictureMs = 2_000;

/** Does one step of a job and journals it. Throws `Stopped` with the attempt's outcome when it cannot be done. */
export function makeStepRunner(deps: StepRunnerDeps): (stepIndex: number, browser: Browser) => Promise<void> {
  const { job, journal, gate, progress, clock, signal } = deps;

  /** Leave to act now: the deadline is not past and, for a write under a lease, a permit is in hand and fresh. */
  async function commit(step: Step, stepIndex: number, stepSignal: AbortSignal): Promise<void> {
    for (;;) {
      await gate.pass(stepSignal);
      if (!job.lease || effectOf(step) === "read") return;
      const permit = await gate.untimed(() => deps.permits.ask(stepIndex, stepSignal));
      if (!permit.ok) {
        const message = `the write was not permitted: ${permit.error}`;
        throw stopped("interrupted", "permit_refused", message, stepIndex);
      }
      await journal.permit(stepIndex, permit.value.askId);
      await gate.pass(stepSignal);
      if (permit.value.isUsable()) return;
    }
  }

  async function keepPicture(name: string, bytes: Buffer, stepIndex: number): Promise<void> {
    const stored = await deps.artifacts.keep(`${job.valet_task_id}.${deps.fence}`, name, bytes);
    journal.event("screenshot", { ...stored, stepIndex });
  }

  async function failurePicture(browser: Browser, stepIndex: number): Promise<void> {
    try {
      await keepPicture("failure", await browser.page.screenshot({ timeout: failurePictureMs }), stepIndex);
    } catch (cause) {
      deps.logger.debug({ event: "no_failure_picture", taskId: job.valet_task_id, reason: String(cause) });
    }
  }

  async function act(step: Step, stepIndex: number, browser: Browser): Promise<void> {
    const over = new AbortController();
    const stepSignal = AbortSignal.any([signal, over.signal]);
    const timeoutMs = step.timeoutMs ?? ownDurationMs(step) + defaultStepTimeoutMs;
    const timer = gate.timer(timeoutMs, () =>
      over.abort(new StepFailure("step_timeout", timeoutText(step, timeoutMs))),
    );
    let hasWritten = false;
    const tools = {
      page: browser.page,
      commit: async () => {
        await commit(step, stepIndex, stepSignal);
        hasWritten = effectOf(step) === "write";
      },
      sleep: (ms: number) =>
        new Promise<void>((resolve) => {
          const nap = gate.timer(ms, resolve);
          stepSignal.addEventListener("abort", () => nap.cancel(), { once: true });
        }),
      keep: (name: string, bytes: Buffer) => keepPicture(name, bytes, stepIndex),
      extracted: (name: string, value: unknown) => void (progress.result[name] = value),
    };
    try {
      await abortable(runStep(step, tools), stepSignal);
    } catch (cause) {
      const outcome = outcomeOf(cause, browser, stepIndex);
      if (outcome.status !== "failed") throw new Stopped(outcome);
      journal.event("step_failed", { ...about(step, stepIndex), error: outcome.error });
      over.abort(cause);
      // Not after a write that is still under way: the browser has to go at once.
      if (!hasWritten) await failurePicture(browser, stepIndex);
      throw new Stopped(outcome);
    } finally {
      timer.cancel();
    }
  }

  return async (stepIndex, browser) => {
    const step = job.steps[stepIndex];
    if (!step) throw new Error(`the job has no step ${stepIndex}`);
    await gate.pass(signal);
    const startedAtMs = clock.monoMs();
    progress.current = stepIndex;
    browser.network.forgetBlocked();
    journal.event("step_started", about(step, stepIndex));
    await act(step, stepIndex, browser);
    progress.stepsDone += 1;
    const done = { ...about(step, stepIndex), durationMs: Math.round(clock.monoMs() - startedAtMs) };
    if (effectOf(step) === "write") await journal.durableEvent("step_done", done);
    else journal.event("step_done", done);
  };
}

function about(step: Step, stepIndex: number): Record<string, unknown> {
  return {
    stepIndex,
    action: step.action,
    effect: effectOf(step),
    ...(step.name === undefined ? {} : { name: step.name }),
  };
}

function ownDurationMs(step: Step): number {
  return step.action === "waitFor" ? (step.durationMs ?? 0) : 0;
}

function timeoutText(step: Step, timeoutMs: number): string {
  const on = "selector" in step && step.selector !== undefined ? ` on ${step.selector}` : "";
  return `${step.action}${on} was not done within ${timeoutMs} ms`;
}
