import { attemptText } from "./relayed-events.ts";
import type { AttemptKey, HeartbeatInput } from "./heartbeat-input.ts";

/** An attempt the store holds open on the sandbox. */
export interface OpenAttempt extends AttemptKey {
  generation: number;
  workerBootId: string | null;
  isAcknowledged: boolean;
  cancelRequested: boolean;
}
/** A generation as it is stored, after this heartbeat was written. */
export interface KnownGeneration {
  number: number;
  /** For how long this boot of its GH worker (or its end) has been reported. */
  bootSeenMs: number | null;
}
export interface SortedAttempts {
  renew: OpenAttempt[];
  cancel: OpenAttempt[];
  /** Proof of death: a newer start of the GH worker lists all it runs, and this is not in it. */
  dead: OpenAttempt[];
  /** Named by the host and not open here: ended, or taken over. */
  foreign: AttemptKey[];
  /** Attempts confirmed under another boot than the one on record. */
  boots: (AttemptKey & { workerBootId: string })[];
}

/** Compares what the host says it runs with what the store holds. `proofMs`: how long a new boot must have been seen. */
export function sortAttempts(
  open: readonly OpenAttempt[],
  heartbeat: HeartbeatInput,
  known: readonly KnownGeneration[],
  proofMs: number,
): SortedAttempts {
  const openByKey = new Map(open.map((attempt) => [attemptText(attempt), attempt]));
  const listed = new Set(heartbeat.attempts.map(attemptText));
  const confirmed = heartbeat.generations.flatMap((report) =>
    report.attempts.map((ref) => ({ taskId: ref.taskId, fence: ref.fence, leaseId: ref.leaseId, report })),
  );
  const named = new Set([...listed, ...confirmed.map(attemptText)]);
  const foreign = new Map<string, AttemptKey>();
  for (const { taskId, fence, leaseId } of [...heartbeat.attempts, ...confirmed]) {
    const ref = { taskId, fence, leaseId };
    if (!openByKey.has(attemptText(ref))) foreign.set(attemptText(ref), ref);
  }
  return {
    renew: open.filter((attempt) => attempt.isAcknowledged && listed.has(attemptText(attempt))),
    cancel: open.filter((attempt) => attempt.cancelRequested),
    dead: open.filter(
      (attempt) =>
        attempt.isAcknowledged && !named.has(attemptText(attempt)) && isProvenDead(attempt, heartbeat, known, proofMs),
    ),
    foreign: [...foreign.values()],
    boots: confirmed.flatMap(({ report, ...ref }) => {
      const attempt = openByKey.get(attemptText(ref));
      const boot = report.workerBootId;
      return attempt && boot && attempt.workerBootId !== boot ? [{ ...ref, workerBootId: boot }] : [];
    }),
  };
}

function isProvenDead(
  attempt: OpenAttempt,
  heartbeat: HeartbeatInput,
  known: readonly KnownGeneration[],
  proofMs: number,
): boolean {
  const report = heartbeat.generations.find((one) => one.generation === attempt.generation);
  const bootSeenMs = known.find((one) => one.number === attempt.generation)?.bootSeenMs ?? null;
  if (!report || bootSeenMs === null || bootSeenMs < proofMs) return false;
  if (report.state === "ended") return heartbeat.agentReachable;
  if (!report.reachable || report.workerBootId === null || attempt.workerBootId === null) return false;
  return report.workerBootId !== attempt.workerBootId;
}
