import type { GhJobCreate, SessionEvent } from "@valet/contracts";
import type { Clock, LeaseTimes } from "@valet/shared";
import { makeBackoff } from "../backoff.ts";
import { ignoreAbort } from "../bell.ts";
import type { Log } from "../log.ts";
import type { AttemptBook, HeldAttempt } from "./attempt-book.ts";
import type { Generations } from "./generations.ts";
import type { Moment } from "./host-clock.ts";

export interface DeliverDeps {
  book: AttemptBook;
  generations: Pick<Generations, "get">;
  clock: Clock;
  log: Log;
  signal: AbortSignal;
  times: () => LeaseTimes;
  /** An end that this worker had to write itself, because no GH worker ever had the attempt. */
  onOwnEnd: (event: SessionEvent) => void;
  /** It is there and somebody wants it cancelled. */
  onDelivered: (attempt: HeldAttempt) => void;
}

/**
 * Hands an acknowledged attempt to the GH api of its slot's generation, again and again until it is taken or the attempt's
 * deadline has passed; the idempotency key makes it one job. Past the deadline nothing is said: the lease runs out, and the
 * control plane decides.
 */
export async function deliver(deps: DeliverDeps, attempt: HeldAttempt): Promise<void> {
  if (attempt.isDelivering || attempt.renewed === null) return;
  attempt.isDelivering = true;
  attempt.phase = "delivering";
  try {
    await handOver(deps, attempt);
  } finally {
    attempt.isDelivering = false;
  }
}

/** True as long as an attempt may still be on its way: then heartbeats renew it although no GH worker confirms it. */
export function isOnItsWay(attempt: HeldAttempt, times: LeaseTimes, nowMonoMs: number): boolean {
  const endsAtMonoMs = attempt.sinceMonoMs + times.deadlineMs;
  if (attempt.phase !== "delivered") return nowMonoMs < endsAtMonoMs;
  // Taken by the GH api, not yet in an inventory.
  return nowMonoMs < Math.min(endsAtMonoMs, attempt.deliveredAtMonoMs + times.confirmFreshMs);
}

async function handOver(deps: DeliverDeps, attempt: HeldAttempt): Promise<void> {
  const { book, clock, log, signal } = deps;
  const { ref, assignment } = attempt;
  const backoff = makeBackoff(25, 1_000);
  let mayBeThere = false;
  while (!signal.aborted && book.get(ref) === attempt) {
    const times = deps.times();
    if (clock.monotonicMs() >= attempt.sinceMonoMs + times.deadlineMs) {
      log.error({
        event: "task_not_delivered",
        taskId: ref.taskId,
        fence: ref.fence,
        generation: assignment.generation,
      });
      return;
    }
    if (attempt.cancelRequested && !mayBeThere) return deps.onOwnEnd(ownEnd(attempt, clock, "cancelled", null));
    const generation = deps.generations.get(assignment.generation);
    if (generation && attempt.renewed) {
      const answer = await generation.api.createJob(jobOf(attempt, attempt.renewed, times.leaseMs), signal);
      if (answer.ok) {
        attempt.phase = "delivered";
        attempt.jobId = answer.value.jobId;
        attempt.deliveredAtMonoMs = clock.monotonicMs();
        log.info({ event: "task_delivered", taskId: ref.taskId, fence: ref.fence, generation: assignment.generation });
        return deps.onDelivered(attempt);
      }
      if (answer.error.kind === "refused" && !mayBeThere) {
        log.error({ event: "task_refused", taskId: ref.taskId, fence: ref.fence, reason: answer.error.message });
        return deps.onOwnEnd(ownEnd(attempt, clock, "failed", answer.error.message));
      }
      if (backoff.failures === 0)
        log.warn({ event: "delivery_failed", taskId: ref.taskId, fence: ref.fence, reason: answer.error.message });
      // Whether a request without an answer arrived is unknown; a refused connection is certain.
      if (!answer.error.message.includes("ECONNREFUSED")) mayBeThere = true;
    }
    await clock.sleep(backoff.next(), signal).catch(ignoreAbort);
  }
}

function jobOf({ ref, assignment }: HeldAttempt, renewed: Moment, leaseMs: number): GhJobCreate {
  const { spec, slot } = assignment;
  return {
    valet_task_id: ref.taskId,
    idempotency_key: `${ref.taskId}:${ref.fence}`,
    ...(spec.url === undefined ? {} : { url: spec.url }),
    steps: spec.steps,
    allowed_domains: spec.allowedDomains,
    timeout_ms: spec.timeoutMs,
    lease: {
      fence: ref.fence,
      lease_id: ref.leaseId,
      renewed_wall_ms: renewed.wallMs,
      renewed_mono_ms: renewed.monoMs,
      lease_ms: leaseMs,
    },
    slot,
    metadata: spec.metadata,
  };
}

function ownEnd(
  attempt: HeldAttempt,
  clock: Clock,
  status: "cancelled" | "failed",
  reason: string | null,
): SessionEvent {
  return {
    ...attempt.ref,
    seq: 1,
    type: "finished",
    at: new Date(clock.now()).toISOString(),
    data: {
      status,
      result: {},
      ...(reason === null
        ? {}
        : {
            error: {
              code: "refused_by_release",
              message: `the release on this host does not take the task: ${reason}`,
            },
          }),
    },
  };
}
