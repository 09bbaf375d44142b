import type { AttemptKey } from "./heartbeat-input.ts";

export interface PermitRefused {
  kind: "stale_fence" | "lease_expired" | "cancel_requested" | "wrong_boot" | "used_up";
  message: string;
}
export interface PermitRequest {
  ref: AttemptKey;
  stepIndex: number;
  workerBootId: string;
}
/** An acknowledged attempt of the asking sandbox, and its task. */
export interface PermitFacts {
  newestFence: number;
  isRunning: boolean;
  cancelRequested: boolean;
  leaseId: string | null;
  /** It has not ended, and its lease has not run out. */
  isLive: boolean | null;
  /** Boots that were granted a permit of this attempt. */
  boots: readonly string[];
  /** This step's outcome is journalled. */
  isUsedUp: boolean;
}

/**
 * Why a write step gets no permit. It needs the newest fence, a live lease, and the boot of the GH worker that was granted the
 * earlier ones; a step whose outcome is known gets no second permit (F60).
 */
export function refusePermit(
  found: PermitFacts | undefined,
  { ref, stepIndex, workerBootId }: PermitRequest,
): PermitRefused | undefined {
  const attempt = `attempt ${ref.fence} of task ${ref.taskId}`;
  if (!found || found.newestFence !== ref.fence || found.leaseId !== ref.leaseId || !found.isRunning) {
    return { kind: "stale_fence", message: `${attempt} is not running here any more` };
  }
  if (!found.isLive) return { kind: "lease_expired", message: `the lease of ${attempt} ran out` };
  if (found.cancelRequested) return { kind: "cancel_requested", message: `task ${ref.taskId} is to be cancelled` };
  if (found.boots.some((boot) => boot !== workerBootId)) {
    return {
      kind: "wrong_boot",
      message: `${attempt} was permitted a write step under another start of its GH worker`,
    };
  }
  if (found.isUsedUp) return { kind: "used_up", message: `step ${stepIndex} of ${attempt} is journalled already` };
  return undefined;
}
