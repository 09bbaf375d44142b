import { randomUUID } from "node:crypto";
import type { GhJobCreate, GhWorkerStatus } from "@valet/contracts";
import { type Clock, err, ok, type Result } from "@valet/shared";
import type { GhClient } from "./gh-client.ts";
import { crashLoopRestarts } from "./supervisor.ts";

export interface VerifyTarget {
  generation: number;
  desiredDigest: string;
  gh: GhClient;
  /** Restarts of each unit since it was started, and whether both run now. */
  processes(): { running: boolean; restarts: { unit: string; count: number }[] };
  /** Last lines that a unit printed. */
  lastWords(unit: string): string;
}

export interface VerifyOptions {
  minHealthyMs: number;
  healthyDeadlineMs: number;
  /** Page for the synthetic task; null: no task (a generation that is woken has proven itself before). */
  probeUrl: string | null;
  clock: Clock;
  signal: AbortSignal;
  pollMs?: number;
}

export interface Verified {
  reportedDigest: string;
  /** Until it was first healthy. */
  bootMs: number;
  tookMs: number;
}

/** For people: what is wrong with the candidate. */
export type VerifyError = {
  kind: "unsound" | "wrong_digest" | "crash_loop" | "probe_failed" | "cancelled";
  message: string;
};

/** A browser may fail to start once, under load; the worker tries again. One that fails for this long will not start. */
const browserPatienceMs = 3000;

/**
 * Proves that a generation does what it must, cheapest proof first: both processes up and not crash-looping, API healthy, both report
 * the digest that was asked for, all that for `minHealthyMs` without a break, then a real browser task.
 */
export async function verifyGeneration(
  target: VerifyTarget,
  options: VerifyOptions,
): Promise<Result<Verified, VerifyError>> {
  const { clock, signal, pollMs = 100 } = options;
  const startedMs = clock.monotonicMs();
  const deadlineMs = startedMs + options.healthyDeadlineMs;
  let healthySinceMs: number | undefined;
  let bootMs: number | undefined;
  let browserFailsSinceMs: number | undefined;
  for (;;) {
    if (signal.aborted) return err({ kind: "cancelled", message: "called off" });
    const sound = await examine(target);
    const nowMs = clock.monotonicMs();
    if (!sound.ok && sound.error.kind !== "unsound") return sound;
    if (sound.ok) healthySinceMs ??= nowMs;
    else healthySinceMs = undefined;
    if (sound.ok) bootMs ??= nowMs - startedMs;
    const isLongEnough = healthySinceMs !== undefined && nowMs - healthySinceMs >= options.minHealthyMs;
    if (isLongEnough && (options.probeUrl === null || (sound.ok && sound.value.spare === "ready"))) break;
    if (!sound.ok || sound.value.spare !== "failed") browserFailsSinceMs = undefined;
    else browserFailsSinceMs ??= nowMs;
    if (browserFailsSinceMs !== undefined && nowMs - browserFailsSinceMs >= browserPatienceMs) {
      const why = (await target.gh.spareError()) ?? "it does not say why";
      return probeFailed(`its browser does not start: ${why}`);
    }
    if (nowMs > deadlineMs) {
      const why = sound.ok ? "its browser did not get ready" : sound.error.message;
      return err({ kind: "unsound", message: `not healthy within ${options.healthyDeadlineMs} ms: ${why}` });
    }
    await clock.sleep(pollMs);
  }
  const probed = options.probeUrl === null ? ok(undefined) : await probe(target, options.probeUrl, options);
  if (!probed.ok) return probed;
  // What answered the probe must still be what was examined.
  const after = await examine(target);
  if (!after.ok) return after;
  const tookMs = clock.monotonicMs() - startedMs;
  return ok({ reportedDigest: target.desiredDigest, bootMs: bootMs ?? tookMs, tookMs });
}

async function examine(target: VerifyTarget): Promise<Result<GhWorkerStatus, VerifyError>> {
  const { running, restarts } = target.processes();
  const looping = restarts.find(({ count }) => count >= crashLoopRestarts);
  if (looping) {
    const words = target.lastWords(looping.unit);
    return err({
      kind: "crash_loop",
      message: `${looping.unit} ended ${looping.count + 1} times in a row; it last said: ${words}`,
    });
  }
  if (!running) return err({ kind: "unsound", message: "a process is not running" });
  const [api, worker] = await Promise.all([target.gh.apiDigest(), target.gh.workerStatus()]);
  if (!api) return err({ kind: "unsound", message: "the GH api does not answer GET /health" });
  if (!worker) return err({ kind: "unsound", message: "the GH worker does not answer GET /worker/status" });
  for (const [who, digest] of [["api", api.digest] as const, ["worker", worker.image_digest] as const]) {
    if (digest === target.desiredDigest) continue;
    const message = `the GH ${who} reports ${digest ?? "no digest"}, wanted ${target.desiredDigest}: it does not run what was deployed`;
    return err({ kind: "wrong_digest", message });
  }
  if (!worker.is_running) return err({ kind: "unsound", message: "the GH worker says it is not running" });
  return ok(worker);
}

async function probe(
  target: VerifyTarget,
  probeUrl: string,
  options: VerifyOptions,
): Promise<Result<void, VerifyError>> {
  const { clock, signal } = options;
  const timeoutMs = Math.max(10_000, options.healthyDeadlineMs / 2);
  const submitted = await target.gh.submitJob(probeJob(probeUrl, timeoutMs));
  if ("error" in submitted) return probeFailed(submitted.error);
  const deadlineMs = clock.monotonicMs() + timeoutMs + 5000;
  while (clock.monotonicMs() < deadlineMs) {
    if (signal.aborted) return err({ kind: "cancelled", message: "called off" });
    const job = await target.gh.readJob(submitted.jobId);
    if (job?.status === "completed") return awaitFreshSpare(target, options, deadlineMs);
    if (job && job.status !== "pending" && job.status !== "running") {
      return probeFailed(`${job.status}${job.error ? `: ${job.error.message}` : ""}`);
    }
    await clock.sleep(options.pollMs ?? 100);
  }
  return probeFailed(`no end within ${timeoutMs} ms`);
}

/** The probe's browser is renewed before anything is handed over: the first task shall find a clean one ready. */
async function awaitFreshSpare(
  target: VerifyTarget,
  options: VerifyOptions,
  deadlineMs: number,
): Promise<Result<void, VerifyError>> {
  while (options.clock.monotonicMs() < deadlineMs) {
    if (options.signal.aborted) return err({ kind: "cancelled", message: "called off" });
    const status = await target.gh.workerStatus();
    if (status?.active_jobs === 0 && status.spare === "ready") return ok(undefined);
    await options.clock.sleep(options.pollMs ?? 100);
  }
  return probeFailed("its browser was not renewed afterwards");
}

function probeFailed(why: string): Result<never, VerifyError> {
  return err({ kind: "probe_failed", message: `the synthetic browser task failed: ${why}` });
}

/** Fill, click, assert: the smallest task that needs a browser which really works. */
function probeJob(url: string, timeoutMs: number): GhJobCreate {
  const id = randomUUID();
  const word = id.slice(0, 8);
  return {
    valet_task_id: id,
    idempotency_key: `probe-${id}`,
    url,
    probe: true,
    timeout_ms: Math.round(timeoutMs),
    steps: [
      { action: "fill", selector: "#word", value: word },
      { action: "click", selector: "#say", effect: "read" },
      { action: "assert", selector: "#said", text: word },
    ],
    metadata: { purpose: "verification" },
  };
}
