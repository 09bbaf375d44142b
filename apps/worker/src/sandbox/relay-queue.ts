import type { AttemptRef, EventsReply, SessionEvent } from "@valet/contracts";
import { attemptKey } from "./attempt-book.ts";

/** A journal entry on its way to the API. */
export interface Relayed {
  event: SessionEvent;
  /** Where its spool is; null for an event that this worker wrote itself. */
  generation: number | null;
  /** Its evidence is stored (or was not to be had): it may go. */
  isCleared: boolean;
  /** Only its place in the order counts: never sent, its kind is unknown to this release. */
  isPlaceholder: boolean;
}
export interface Forgotten {
  generation: number;
  taskId: string;
  fence: number;
  throughSeq: number;
}

/** Events by attempt, each attempt in the order of its journal; kept until the API stored them. Pure memory, no I/O. */
export interface RelayQueue {
  /** Again for an event that is known: nothing happens. Returns false then. */
  add(relayed: Relayed): boolean;
  /** What may go now: per attempt an unbroken run, at most `limit` in all. */
  ready(limit: number, nowMonoMs: number): Relayed[];
  /** The API's answer. Returns what the spools may forget, and the attempts whose end was stored. */
  settle(sent: readonly Relayed[], reply: EventsReply): { forgotten: Forgotten[]; ended: AttemptRef[] };
  /** The API will never take these: they count as stored. */
  drop(refused: readonly Relayed[]): Forgotten[];
  hasSeen(ref: { taskId: string; fence: number }): boolean;
  /** Attempts with entries that are not stored yet, by generation. */
  relaying(generation: number): AttemptRef[];
  size(): number;
  /** ms until a run that waits for a missing entry goes on without it; null when none waits. */
  gapEndsInMs(nowMonoMs: number): number | null;
}

interface Journal {
  ref: AttemptRef;
  waiting: Relayed[];
  /** Stored up to here in this process' life; null before the first. */
  storedThrough: number | null;
  gapSinceMonoMs: number | null;
}

const rememberedJournals = 2_000;

export function makeRelayQueue(gapMs: () => number): RelayQueue {
  const journals = new Map<string, Journal>();

  const readyOf = (journal: Journal, nowMonoMs: number): Relayed[] => {
    const first = journal.waiting[0]?.event.seq;
    if (first === undefined) return [];
    const isGap = journal.storedThrough !== null && first > journal.storedThrough + 1;
    if (!isGap) journal.gapSinceMonoMs = null;
    else {
      journal.gapSinceMonoMs ??= nowMonoMs;
      // The GH worker sends again what was not acknowledged; an entry that stays away is not worth the rest.
      if (nowMonoMs - journal.gapSinceMonoMs < gapMs()) return [];
    }
    const run: Relayed[] = [];
    for (const relayed of journal.waiting) {
      const previous = run.at(-1)?.event.seq;
      if (!relayed.isCleared || (previous !== undefined && relayed.event.seq !== previous + 1)) break;
      run.push(relayed);
    }
    return run;
  };
  const advance = (journal: Journal, throughSeq: number): Forgotten[] => {
    const gone = journal.waiting.filter(({ event }) => event.seq <= throughSeq);
    journal.waiting = journal.waiting.filter(({ event }) => event.seq > throughSeq);
    journal.storedThrough = Math.max(journal.storedThrough ?? 0, throughSeq);
    const generation = gone.findLast((relayed) => relayed.generation !== null)?.generation ?? null;
    const { taskId, fence } = journal.ref;
    return generation === null ? [] : [{ generation, taskId, fence, throughSeq }];
  };
  const forgetOldJournals = () => {
    for (const [key, journal] of journals) {
      if (journals.size <= rememberedJournals) return;
      if (journal.waiting.length === 0) journals.delete(key);
    }
  };
  return {
    add(relayed) {
      const { taskId, fence, leaseId, seq } = relayed.event;
      const key = attemptKey({ taskId, fence });
      const journal = journals.get(key) ?? {
        ref: { taskId, fence, leaseId },
        waiting: [],
        storedThrough: null,
        gapSinceMonoMs: null,
      };
      journals.set(key, journal);
      if (journal.waiting.some(({ event }) => event.seq === seq)) return false;
      // Stored already, but the spool still holds it: the acknowledgement was lost. Sending it again repeats that.
      journal.waiting.push(relayed);
      journal.waiting.sort((a, b) => a.event.seq - b.event.seq);
      forgetOldJournals();
      return true;
    },
    ready(limit, nowMonoMs) {
      const all = [...journals.values()].flatMap((journal) => readyOf(journal, nowMonoMs));
      return all.slice(0, limit);
    },
    settle(sent, reply) {
      const forgotten: Forgotten[] = [];
      const ended: AttemptRef[] = [];
      for (const { taskId, fence, throughSeq } of reply.accepted) {
        const journal = journals.get(attemptKey({ taskId, fence }));
        if (!journal) continue;
        const mine = sent.filter(({ event }) => event.taskId === taskId && event.fence === fence);
        if (mine.some(({ event }) => event.type === "finished" && event.seq <= throughSeq)) ended.push(journal.ref);
        forgotten.push(...advance(journal, throughSeq));
      }
      return { forgotten, ended };
    },
    drop: (refused) =>
      refused.flatMap(({ event }) => {
        const journal = journals.get(attemptKey(event));
        return journal ? advance(journal, event.seq) : [];
      }),
    hasSeen: (ref) => journals.has(attemptKey(ref)),
    relaying: (generation) =>
      [...journals.values()]
        .filter(({ waiting }) => waiting.some((relayed) => relayed.generation === generation))
        .map(({ ref }) => ref),
    size: () => [...journals.values()].reduce((sum, { waiting }) => sum + waiting.length, 0),
    gapEndsInMs(nowMonoMs) {
      const ends = [...journals.values()].flatMap(({ gapSinceMonoMs, waiting }) =>
        gapSinceMonoMs === null || waiting.length === 0 ? [] : [gapSinceMonoMs + gapMs() - nowMonoMs],
      );
      return ends.length === 0 ? null : Math.max(1, Math.min(...ends));
    },
  };
}
