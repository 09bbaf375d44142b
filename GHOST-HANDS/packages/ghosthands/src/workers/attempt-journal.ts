import type { FinishedData, GhFeedEntry, TaskEvent } from "@valet/contracts";
import type { AcceptedRecord, AttemptSpool, SpoolRecord } from "./spool.ts";

/** What happened in one attempt, in order: written to the spool first, then sent up, kept until acknowledged. */
export interface AttemptJournal {
  /** Written, not yet synced: lost only by a power cut, with the attempt itself. */
  event(type: TaskEvent["type"], data: Record<string, unknown>): void;
  /** As `event`, and synced before it resolves. */
  durableEvent(type: TaskEvent["type"], data: Record<string, unknown>): Promise<void>;
  /** A granted permit, synced: from here on a write may have happened. */
  permit(stepIndex: number, askId: string): Promise<void>;
  finished(data: FinishedData & Record<string, unknown>): Promise<void>;
  unacknowledged(): GhFeedEntry[];
  /** True when the end of the attempt is among what was stored. */
  acknowledge(throughSeq: number): boolean;
  forget(): void;
}

export function makeAttemptJournal(deps: {
  accepted: AcceptedRecord;
  spool: AttemptSpool;
  /** What the spool already holds, after a restart. */
  records?: readonly SpoolRecord[];
  send: (entry: GhFeedEntry) => void;
  nowMs: () => number;
}): AttemptJournal {
  const { accepted, spool } = deps;
  const past = deps.records ?? [];
  const pastEvents = past.flatMap((record) => (record.kind === "event" ? [record.event] : []));
  let acknowledgedSeq = Math.max(0, ...past.map((record) => (record.kind === "acknowledged" ? record.throughSeq : 0)));
  let lastSeq = pastEvents.at(-1)?.seq ?? 0;
  let finishedSeq = pastEvents.find((event) => event.type === "finished")?.seq;
  let entries = pastEvents.filter((event) => event.seq > acknowledgedSeq).map(entryOf);

  function entryOf(event: TaskEvent): GhFeedEntry {
    return {
      kind: "event",
      job_id: accepted.jobId,
      valet_task_id: accepted.taskId,
      lease_id: accepted.leaseId,
      event,
    };
  }

  const next = (type: TaskEvent["type"], data: Record<string, unknown>): TaskEvent => {
    lastSeq += 1;
    return { fence: accepted.fence, seq: lastSeq, type, at: new Date(deps.nowMs()).toISOString(), data };
  };
  const sendUp = (event: TaskEvent) => {
    const entry = entryOf(event);
    entries.push(entry);
    deps.send(entry);
  };
  const event = (type: TaskEvent["type"], data: Record<string, unknown>) => {
    const made = next(type, data);
    spool.append({ kind: "event", event: made });
    sendUp(made);
  };
  const durableEvent = async (type: TaskEvent["type"], data: Record<string, unknown>) => {
    const made = next(type, data);
    spool.append({ kind: "event", event: made });
    await spool.flush();
    sendUp(made);
  };

  return {
    event,
    durableEvent,
    async permit(stepIndex, askId) {
      spool.append({ kind: "permit", stepIndex, askId, at: new Date(deps.nowMs()).toISOString() });
      await spool.flush();
    },
    async finished(data) {
      const made = next("finished", data);
      finishedSeq = made.seq;
      try {
        spool.append({ kind: "event", event: made });
        await spool.flush();
      } finally {
        // A disk that refuses the last line must not keep the control plane from hearing of the end.
        sendUp(made);
      }
    },
    unacknowledged: () => [...entries],
    acknowledge(throughSeq) {
      if (throughSeq > acknowledgedSeq) {
        acknowledgedSeq = throughSeq;
        entries = entries.filter((entry) => entry.kind === "event" && entry.event.seq > throughSeq);
        spool.append({ kind: "acknowledged", throughSeq });
      }
      return finishedSeq !== undefined && acknowledgedSeq >= finishedSeq;
    },
    forget: () => spool.forget(),
  };
}
