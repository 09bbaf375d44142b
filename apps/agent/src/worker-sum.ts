import type { GhWorkerStatus } from "@valet/contracts";
import type { GenerationRecord } from "@valet/rollout/host";
import { err, ok, type Result } from "@valet/shared";
import type { z } from "zod";
import type { ghWorkerHealthSchema } from "@valet/contracts";

export interface ToldStatus {
  record: Pick<GenerationRecord, "generation" | "state">;
  status: GhWorkerStatus | null;
}

export interface WorkerSum {
  status: GhWorkerStatus;
  health: z.infer<typeof ghWorkerHealthSchema>;
}

/** A candidate owns no slot until it is verified: while it boots, its silence says nothing about running jobs. */
export const isBooting = (state: GenerationRecord["state"], isSilent: boolean): boolean =>
  isSilent && state === "starting";

/** RUNNING JOBS over all generations; null as soon as one worker did not say: unknown is not zero. */
export function sumActiveJobs(told: readonly ToldStatus[]): number | null {
  return told.reduce<number | null>(
    (sum, { status }) => (sum === null || !status ? null : sum + status.active_jobs),
    0,
  );
}

/**
 * One worker's answers for all generations (newest first): who it is comes from the newest that accepts, what runs from all. An error
 * names the generation that did not answer.
 */
export function sumWorkers(all: readonly ToldStatus[]): Result<WorkerSum, string> {
  const told = all.filter(({ record, status }) => !isBooting(record.state, status === null));
  const silent = told.find(({ status }) => status === null);
  const activeJobs = sumActiveJobs(told);
  if (silent || activeJobs === null) {
    return err(`generation ${silent?.record.generation} does not answer: how much runs there is unknown`);
  }
  const sound = told.filter((entry): entry is ToldStatus & { status: GhWorkerStatus } => entry.status !== null);
  const serving = sound.filter(({ record }) => record.state === "serving");
  const first = serving.find(({ status }) => status.accepting) ?? serving[0] ?? sound[0];
  if (!first) return err("no generation runs on this host");
  const accepting = serving.some(({ status }) => status.accepting);
  const isDraining = !accepting;
  const load = { active_jobs: activeJobs, deploy_safe: activeJobs === 0, accepting };
  return ok({
    status: { ...first.status, ...load, is_draining: isDraining },
    health: { status: isDraining ? "draining" : activeJobs > 0 ? "busy" : "idle", ...load },
  });
}
