import type { AnalysisArm, AnalysisArms, AnalysisAttempt } from "../analysis/model.ts";
import type { DeployDocument } from "../model.ts";
import type { MemoryAttempt } from "./tasks/model.ts";
import { wallMs, type World } from "./world.ts";

/** Both arms of a canary analysis, from the attempts in the store: the candidate's, and the release's before it. */
export function samplesOf(world: World, deploy: DeployDocument): AnalysisArms {
  const since = deploy.course.watchedSince ?? deploy.startedAt ?? 0;
  const canary: AnalysisAttempt[] = [];
  const control: AnalysisAttempt[] = [];
  for (const task of world.tasks.tasks.values()) {
    for (const attempt of task.attempts) {
      if (attempt.acknowledgedAt === null || attempt.acknowledgedAt < since) continue;
      const digest = world.tasks.sandboxes.get(attempt.sandboxId)?.generations.get(attempt.generation)?.imageDigest;
      const sample = sampleOf(world, attempt);
      if (digest === deploy.imageDigest) canary.push(sample);
      else if (digest === deploy.previousDigest) control.push(sample);
    }
  }
  return {
    canary: armOf(canary),
    control: deploy.previousDigest === null ? { absent: "no_previous_release" } : armOf(control),
  };
}

function sampleOf(world: World, attempt: MemoryAttempt): AnalysisAttempt {
  const startedAt = attempt.acknowledgedAt ?? 0;
  const outcome =
    attempt.endedAt === null
      ? "running"
      : attempt.outcome === "failed" || attempt.outcome === "timed_out"
        ? "bad"
        : "good";
  return { outcome, startedAt, durationMs: (attempt.endedAt ?? wallMs(world)) - startedAt };
}

const armOf = (attempts: AnalysisAttempt[]): AnalysisArm => ({ attempts, points: {} });
