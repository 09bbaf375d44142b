import type { AttemptRef } from "@valet/contracts";
import type { LeaseTimes } from "@valet/shared";
import type { AttemptBook, HeldAttempt } from "./attempt-book.ts";
import { type GenerationView, attemptsIn } from "./generation-view.ts";

/**
 * Compares what the API says is ours with what the GH worker of a generation knows. Returns the attempts to hand to it (again):
 * those that neither its inventory nor its journal has. An inventory older than our own delivery proves nothing.
 */
export function attemptsToDeliver(
  view: GenerationView,
  book: AttemptBook,
  hasSeen: (ref: AttemptRef) => boolean,
  times: LeaseTimes,
): HeldAttempt[] {
  const listed = new Map(attemptsIn(view.inventory).map((attempt) => [attempt.ref.leaseId, attempt]));
  return book.ofGeneration(view.agent.generation).filter((attempt) => {
    const known = listed.get(attempt.ref.leaseId);
    if (known) attempt.jobId = known.jobId;
    if (known || hasSeen(attempt.ref)) {
      if (attempt.phase === "adopted") attempt.deliveredAtMonoMs = view.confirmedAtMonoMs;
      attempt.phase = "delivered";
      return false;
    }
    if (attempt.isDelivering || attempt.renewed === null || !view.isReachable) return false;
    if (attempt.phase === "adopted") return view.confirmedAtMonoMs >= attempt.sinceMonoMs;
    if (attempt.phase === "delivering") return true;
    return view.confirmedAtMonoMs > attempt.deliveredAtMonoMs + 2 * times.confirmMs;
  });
}
