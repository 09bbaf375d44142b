import type { HostOrder } from "@valet/shared";
import type { DeployDocument } from "../model.ts";
import type { Observations } from "../observation.ts";

/** What changes of hosts and tasks have taken here before, newest first; a few hundred of each are plenty. */
export interface Durations {
  /** From the deploy command to `updated`, without the time that minHealthyMs asked for. */
  changes: readonly { order: HostOrder; ms: number }[];
  /** Of attempts that ended by themselves. */
  taskMs: readonly number[];
}

/** A task that runs now, with what its end is guessed from. */
export interface OpenTask {
  taskId: string;
  sandboxId: string;
  startedAt: number;
  timeoutMs: number | null;
  requeueable: boolean;
}

/** What is known of the release beside its tag. */
export interface ReleaseKnown {
  /** Somebody announced it, or it was deployed before. */
  isKnown: boolean;
  /** Its artefact is gone, and why. */
  pruned: string | null;
}

export interface PlanInput {
  /** As it would be when it is queued; nothing of it has begun. */
  deploy: DeployDocument;
  observations: Observations;
  durations: Durations;
  openTasks: readonly OpenTask[];
  release: ReleaseKnown;
  now: number;
  /** When each sandbox's agent was last looked at. */
  observedAt: ReadonlyMap<string, number>;
}
