import type { FinishedData, GhFeedEntry, GhJobView } from "@valet/contracts";
import { finishedDataSchema } from "@valet/contracts";
import { makeAttemptJournal, type AttemptJournal } from "./attempt-journal.ts";
import type { AcceptedRecord, SpoolFolder, SpoolRecord } from "./spool.ts";

/** An attempt of an earlier boot: ended, with its end still to be told. */
export interface RecoveredAttempt {
  view: GhJobView;
  journal: AttemptJournal;
}

/**
 * Reads the spool after a start. What had not ended is interrupted now: nothing of it is ever done again here, for a
 * journalled permit means that its write may have happened.
 */
export async function recoverAttempts(
  folder: SpoolFolder,
  deps: { send: (entry: GhFeedEntry) => void; nowMs: () => number },
): Promise<RecoveredAttempt[]> {
  const recovered: RecoveredAttempt[] = [];
  for (const { accepted, records, spool } of folder.recover()) {
    const journal = makeAttemptJournal({ accepted, spool, records, ...deps });
    const end = finishedOf(records) ?? interruptedEnd(records);
    if (!finishedOf(records)) await journal.finished(end);
    recovered.push({ view: viewOf(accepted, records, end), journal });
  }
  return recovered;
}

function finishedOf(records: readonly SpoolRecord[]): FinishedData | undefined {
  for (const record of records)
    if (record.kind === "event" && record.event.type === "finished") return finishedDataSchema.parse(record.event.data);
  return undefined;
}

function interruptedEnd(
  records: readonly SpoolRecord[],
): FinishedData & { writes: { stepIndex: number; isDone: boolean }[] } {
  const done = new Set(stepIndexes(records, "step_done"));
  const started = stepIndexes(records, "step_started").at(-1);
  const permitted = records.flatMap((record) => (record.kind === "permit" ? [record.stepIndex] : []));
  const writes = [...new Set(permitted)].map((stepIndex) => ({ stepIndex, isDone: done.has(stepIndex) }));
  const error = {
    code: "worker_died",
    message: "the GH worker died during this attempt",
    ...(started === undefined ? {} : { stepIndex: started }),
  };
  return { status: "interrupted", result: {}, error, writes };
}

function stepIndexes(records: readonly SpoolRecord[], type: "step_done" | "step_started"): number[] {
  return records.flatMap((record) =>
    record.kind === "event" && record.event.type === type && typeof record.event.data.stepIndex === "number"
      ? [record.event.data.stepIndex]
      : [],
  );
}

function viewOf(accepted: AcceptedRecord, records: readonly SpoolRecord[], end: FinishedData): GhJobView {
  const isLeased = accepted.leaseId !== "";
  return {
    job_id: accepted.jobId,
    valet_task_id: accepted.taskId,
    status: end.status,
    created_at: accepted.at,
    fence: isLeased ? accepted.fence : null,
    lease_id: isLeased ? accepted.leaseId : null,
    slot: accepted.slot,
    frozen: false,
    steps_done: stepIndexes(records, "step_done").length,
    result: end.status === "completed" ? end.result : null,
    error: end.error ?? null,
  };
}
