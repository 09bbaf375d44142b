import type { Assignment, SessionEvent } from "@valet/contracts";
import type { Clock, LeaseTimes } from "@valet/shared";
import type { Log } from "../log.ts";
import { artifactNameIn } from "./artifacts.ts";
import type { AttemptBook, HeldAttempt } from "./attempt-book.ts";
import type { Generations, LiveGeneration } from "./generations.ts";
import type { ArtifactName, Feed, FeedEntry } from "./gh-api.ts";
import type { PermitAsk } from "./permits.ts";
import { attemptsToDeliver } from "./reconcile-attempts.ts";
import type { Relayed, RelayQueue } from "./relay-queue.ts";

export interface IntakeDeps {
  book: AttemptBook;
  queue: RelayQueue;
  generations: Pick<Generations, "live">;
  clock: Clock;
  log: Log;
  times: () => LeaseTimes;
  wakeRelay: () => void;
  /** Work that nobody waits for. */
  start: (event: string, work: Promise<void>) => void;
  askPermit: (generation: number, ask: PermitAsk) => Promise<void>;
  upload: (generation: number | null, file: ArtifactName) => Promise<void>;
  acknowledge: (assignment: Assignment) => Promise<void>;
  deliver: (attempt: HeldAttempt) => Promise<void>;
}
/** What comes in, from the API at an opening and from each feed, and where it goes. */
export interface Intake {
  adopt(assignments: Assignment[]): void;
  feed(generation: LiveGeneration, feed: Feed): void;
  /** Puts one journal entry on its way; its evidence goes first. */
  relay(event: SessionEvent, generation: number | null): void;
  /** Delivers what no GH worker knows. */
  redeliver(only?: LiveGeneration): void;
}

export function makeIntake(deps: IntakeDeps): Intake {
  const { book, queue, clock, log } = deps;

  const put = (relayed: Relayed) => {
    if (!queue.add(relayed)) return;
    const { event, generation } = relayed;
    const name = relayed.isPlaceholder ? null : artifactNameIn(event);
    if (name === null) {
      relayed.isCleared = true;
      return deps.wakeRelay();
    }
    const stored = deps.upload(generation, { taskId: event.taskId, fence: event.fence, name });
    deps.start(
      "artifact_failed",
      stored.finally(() => {
        relayed.isCleared = true;
        deps.wakeRelay();
      }),
    );
  };
  const takeEntry = ({ number, view }: LiveGeneration, entry: FeedEntry) => {
    if (entry.kind === "permit_ask") return deps.start("permit_failed", deps.askPermit(number, entry));
    const isPlaceholder = entry.kind === "unknown_event";
    const event: SessionEvent = isPlaceholder
      ? { ...entry.event, type: "step_done", at: "", data: {}, taskId: entry.valet_task_id, leaseId: entry.lease_id }
      : { ...entry.event, taskId: entry.valet_task_id, leaseId: entry.lease_id };
    const slot = book.get(event)?.assignment.slot;
    if (event.type === "finished" && slot !== undefined) view.notReadyBeforeMonoMs.set(slot, clock.monotonicMs());
    put({ event, generation: number, isCleared: false, isPlaceholder });
  };
  const intake: Intake = {
    adopt(assignments) {
      for (const assignment of assignments) {
        if (!assignment.acknowledged) deps.start("acknowledge_failed", deps.acknowledge(assignment));
        else if (!book.get(assignment) && !book.hasEnded(assignment)) {
          const { taskId, fence, generation } = assignment;
          log.info({ event: "attempt_adopted", taskId, fence, generation });
          book.hold(adopted(assignment, clock.monotonicMs()));
        }
      }
    },
    feed(generation, feed) {
      for (const entry of feed.entries) takeEntry(generation, entry);
      intake.redeliver(generation);
    },
    relay: (event, generation) => put({ event, generation, isCleared: false, isPlaceholder: false }),
    redeliver(only) {
      for (const { view } of only ? [only] : deps.generations.live())
        for (const attempt of attemptsToDeliver(view, book, queue.hasSeen, deps.times())) {
          log.warn({ event: "delivering_again", taskId: attempt.ref.taskId, fence: attempt.ref.fence });
          deps.start("delivery_failed", deps.deliver(attempt));
        }
    },
  };
  return intake;
}

function adopted(assignment: Assignment, sinceMonoMs: number): HeldAttempt {
  const { taskId, fence, leaseId } = assignment;
  return {
    ref: { taskId, fence, leaseId },
    assignment,
    phase: "adopted",
    jobId: null,
    renewed: null,
    sinceMonoMs,
    deliveredAtMonoMs: Number.NEGATIVE_INFINITY,
    isDelivering: false,
    cancelRequested: false,
  };
}
