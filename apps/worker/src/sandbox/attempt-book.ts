import type { Assignment, AttemptRef } from "@valet/contracts";
import type { Moment } from "./host-clock.ts";

/**
 * - `adopted`: the API says it is ours (after a restart); no GH worker was asked yet whether it knows it.
 * - `delivering`: acknowledged, on its way to the GH api.
 * - `delivered`: the GH api took it, or a GH worker reported it.
 */
export type AttemptPhase = "adopted" | "delivering" | "delivered";

export interface HeldAttempt {
  readonly ref: AttemptRef;
  readonly assignment: Assignment;
  phase: AttemptPhase;
  jobId: string | null;
  /** Send time of the last heartbeat (or acknowledgement) that the API answered for it; null after a restart. */
  renewed: Moment | null;
  /** When we got hold of it; deliveries end a deadline later. */
  readonly sinceMonoMs: number;
  deliveredAtMonoMs: number;
  /** A delivery is running. */
  isDelivering: boolean;
  cancelRequested: boolean;
}

/** The attempts that this process believes to be this sandbox's. Soft state: the API and the GH workers know better. */
export interface AttemptBook {
  get(ref: RefKey): HeldAttempt | undefined;
  all(): HeldAttempt[];
  ofGeneration(generation: number): HeldAttempt[];
  hold(attempt: HeldAttempt): void;
  /** Its end was stored, or it is somebody else's now. */
  end(ref: RefKey): void;
  /** True for an attempt that ended in this process' life: a late inventory must not bring it back. */
  hasEnded(ref: RefKey): boolean;
}
export interface RefKey {
  taskId: string;
  fence: number;
}

const rememberedEnds = 5_000;

export function attemptKey({ taskId, fence }: RefKey): string {
  return `${taskId}:${fence}`;
}

export function makeAttemptBook(): AttemptBook {
  const held = new Map<string, HeldAttempt>();
  const ended = new Set<string>();
  return {
    get: (ref) => held.get(attemptKey(ref)),
    all: () => [...held.values()],
    ofGeneration: (generation) => [...held.values()].filter(({ assignment }) => assignment.generation === generation),
    hold(attempt) {
      held.set(attemptKey(attempt.ref), attempt);
    },
    end(ref) {
      const key = attemptKey(ref);
      held.delete(key);
      ended.add(key);
      for (const oldest of ended) {
        if (ended.size <= rememberedEnds) break;
        ended.delete(oldest);
      }
    },
    hasEnded: (ref) => ended.has(attemptKey(ref)),
  };
}
