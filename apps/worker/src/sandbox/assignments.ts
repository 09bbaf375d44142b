import type { Assignment, AttemptRef, SlotPlan } from "@valet/contracts";
import type { Clock } from "@valet/shared";
import { makeBackoff } from "../backoff.ts";
import { ignoreAbort } from "../bell.ts";
import type { Log } from "../log.ts";
import type { Api } from "./api.ts";
import { type AttemptBook, type HeldAttempt, attemptKey } from "./attempt-book.ts";
import { isReachable } from "./generation-view.ts";
import type { Generations } from "./generations.ts";
import { type Moment, momentOf } from "./host-clock.ts";
import type { OpenSession, Session } from "./session.ts";

export interface AssignmentDeps {
  api: Api;
  session: Session;
  generations: Pick<Generations, "get">;
  book: AttemptBook;
  clock: Clock;
  log: Log;
  signal: AbortSignal;
  random: () => number;
  planRevision: () => number;
  onPlan: (plan: SlotPlan) => void;
  onCancel: (ref: AttemptRef) => void;
  /** The API answered 200: now, and not before, it may start. */
  onAcknowledged: (attempt: HeldAttempt) => void;
}
export interface Assignments {
  /** Acknowledges one that is not known yet. */
  take(assignment: Assignment): Promise<void>;
  run(): Promise<void>;
}

/** Long-polls that began together, after an outage, must not end together. */
const waitMs = { shortest: 20_000, longest: 29_000 };

/** The long-poll for work: what is new is acknowledged at once, and started only after the API's 200. */
export function makeAssignments(deps: AssignmentDeps): Assignments {
  const { api, session, book, clock, log, signal } = deps;
  const taking = new Set<string>();

  const isKnown = (assignment: Assignment) =>
    book.get(assignment) !== undefined || book.hasEnded(assignment) || taking.has(attemptKey(assignment));
  const poll = (open: OpenSession) => {
    const ms = Math.round(waitMs.shortest + (waitMs.longest - waitMs.shortest) * deps.random());
    const query = { waitMs: ms, planRevision: deps.planRevision() };
    return api.call((client, s) => client.assignments({ params: { id: open.id }, query, signal: s }), ms + 10_000);
  };
  const take = async (assignment: Assignment) => {
    const key = attemptKey(assignment);
    if (isKnown(assignment)) return;
    taking.add(key);
    try {
      await acknowledge(deps, assignment);
    } finally {
      taking.delete(key);
    }
  };
  return {
    take,
    async run() {
      const backoff = makeBackoff(50, 5_000);
      const quiet = makeBackoff(20, 500);
      while (!signal.aborted) {
        const open = await session.ready();
        const revision = deps.planRevision();
        const answer = await poll(open);
        if (!answer.ok) {
          if (answer.error.kind === "replaced") session.replaced(open.id, answer.error.message);
          else if (backoff.failures === 0 && !signal.aborted)
            log.warn({ event: "assignments_unreachable", reason: answer.error.message });
          await clock.sleep(backoff.next(), signal).catch(ignoreAbort);
          continue;
        }
        backoff.reset();
        const { assignments, cancel, plan } = answer.value;
        deps.onPlan(plan);
        for (const ref of cancel) deps.onCancel(ref);
        const fresh = assignments.filter((assignment) => !isKnown(assignment));
        const running = fresh.map((assignment) => take(assignment));
        const isQuiet = fresh.length === 0 && plan.revision === revision;
        if (running.length > 0) await Promise.race([Promise.all(running), clock.sleep(100, signal).catch(ignoreAbort)]);
        // An unacknowledged assignment or an unfinished cancel is repeated at once: do not spin on it.
        if (!isQuiet) quiet.reset();
        else if (assignments.length + cancel.length > 0) await clock.sleep(quiet.next(), signal).catch(ignoreAbort);
      }
    },
  };
}

/**
 * Asks until the API says yes or no. An assignment whose generation is silent is left alone: unacknowledged, it goes back to
 * the queue at no cost.
 */
async function acknowledge(deps: AssignmentDeps, assignment: Assignment): Promise<void> {
  const { session, clock, log, signal } = deps;
  const ref: AttemptRef = { taskId: assignment.taskId, fence: assignment.fence, leaseId: assignment.leaseId };
  if (!(await generationAnswers(deps, assignment.generation))) {
    log.warn({ event: "assignment_left", ...where(assignment), reason: "the generation's GH api does not answer" });
    return;
  }
  const backoff = makeBackoff(25, 1_000);
  // The lease counts from the first time it was asked for: an earlier request may be the one that was taken.
  const firstSent: Moment = momentOf(clock);
  const giveUpAtMonoMs = firstSent.monoMs + session.times().deadlineMs;
  while (!signal.aborted && clock.monotonicMs() < giveUpAtMonoMs) {
    const open = await session.ready();
    const answer = await deps.api.call((client, s) =>
      client.acknowledge({ params: { id: open.id }, body: ref, signal: s }),
    );
    if (answer.ok) return deps.onAcknowledged(heldFrom(assignment, ref, firstSent));
    const { kind, message } = answer.error;
    if (kind === "stale" || kind === "refused") {
      log.info({ event: "assignment_withdrawn", ...where(assignment), reason: message });
      return;
    }
    if (kind === "replaced") session.replaced(open.id, message);
    await clock.sleep(backoff.next(), signal).catch(ignoreAbort);
  }
}

async function generationAnswers(deps: AssignmentDeps, number: number): Promise<boolean> {
  const { clock, signal } = deps;
  const times = deps.session.times();
  const endsAtMonoMs = clock.monotonicMs() + times.acknowledgeMs / 2;
  for (;;) {
    const view = deps.generations.get(number)?.view;
    const nowMonoMs = clock.monotonicMs();
    if (view && isReachable(view, { monoMs: nowMonoMs, freshMs: times.confirmFreshMs })) return true;
    if (signal.aborted || nowMonoMs >= endsAtMonoMs) return false;
    await clock.sleep(Math.min(50, times.confirmMs), signal).catch(ignoreAbort);
  }
}

function heldFrom(assignment: Assignment, ref: AttemptRef, sent: Moment): HeldAttempt {
  return {
    ref,
    assignment,
    phase: "delivering",
    jobId: null,
    renewed: sent,
    sinceMonoMs: sent.monoMs,
    deliveredAtMonoMs: Number.NEGATIVE_INFINITY,
    isDelivering: false,
    cancelRequested: false,
  };
}

function where({ taskId, fence, slot, generation }: Assignment) {
  return { taskId, fence, slot, generation };
}
