import type { AttemptKey } from "./heartbeat-input.ts";

/** The contract's SessionEvent fits. */
export interface EventInput extends AttemptKey {
  seq: number;
  type: string;
  at: string;
  data: Record<string, unknown>;
}
export interface EventsResult {
  accepted: { taskId: string; fence: number; throughSeq: number }[];
  stale: AttemptKey[];
}

/** The answer to relayed events. `isNewest`: of an attempt of this sandbox whose fence is its task's newest. */
export function eventsResult(events: readonly EventInput[], isNewest: (ref: AttemptKey) => boolean): EventsResult {
  return { accepted: throughOf(events), stale: uniqueRefs(events.filter((event) => !isNewest(event))) };
}

/** One text for one attempt, lease included. */
export function attemptText({ taskId, fence, leaseId }: AttemptKey): string {
  return `${taskId} ${fence} ${leaseId}`;
}

function throughOf(events: readonly EventInput[]): EventsResult["accepted"] {
  const through = new Map<string, { taskId: string; fence: number; throughSeq: number }>();
  for (const { taskId, fence, seq } of events) {
    const key = `${taskId} ${fence}`;
    through.set(key, { taskId, fence, throughSeq: Math.max(through.get(key)?.throughSeq ?? 0, seq) });
  }
  return [...through.values()];
}

function uniqueRefs(refs: readonly AttemptKey[]): AttemptKey[] {
  const unique = new Map(
    refs.map(({ taskId, fence, leaseId }) => [attemptText({ taskId, fence, leaseId }), { taskId, fence, leaseId }]),
  );
  return [...unique.values()];
}
