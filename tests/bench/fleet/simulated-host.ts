import { randomUUID } from "node:crypto";
import type { AttemptRef } from "@valet/contracts";
import type { Clock } from "@valet/shared";
import type { GenerationView } from "../../../apps/worker/src/sandbox/generation-view.ts";

export const benchDigest = `sha256:${"1".repeat(64)}`;

/** What the GH worker of a host without browsers would report: its slots and what they run. */
export interface SimulatedHost {
  view: GenerationView;
  begin(ref: AttemptRef, slot: number): void;
  /** Its browser is renewed from now on; `forget` once the API stored the end. */
  finish(ref: AttemptRef, slot: number): void;
  ready(slot: number): void;
  forget(ref: AttemptRef): void;
}

type Inventory = NonNullable<GenerationView["inventory"]>;

export function makeSimulatedHost(slots: number, clock: Clock): SimulatedHost {
  const inventory: Inventory = {
    ...{ worker_id: "w", boot_id: randomUUID(), image_tag: "v1", image_digest: benchDigest, accepting: true },
    ...{ spare: "none", confirmed_ago_ms: 0, jobs: [] },
    slots: Array.from({ length: slots }, (_, index) => ({ index, state: "ready" as const })),
  };
  const view: GenerationView = {
    agent: {
      ...{ generation: 1, state: "serving", imageTag: "v1", imageDigest: benchDigest, desiredDigest: benchDigest },
      apiPort: 1,
    },
    ...{ isReachable: true, apiBootId: "bench", inventory, notReadyBeforeMonoMs: new Map() },
    // Its feed has always just answered.
    get confirmedAtMonoMs() {
      return clock.monotonicMs();
    },
  };
  const set = (slot: number, state: Inventory["slots"][number]["state"]) => {
    const found = inventory.slots[slot];
    if (found) found.state = state;
  };
  return {
    view,
    begin({ taskId, fence, leaseId }, slot) {
      set(slot, "busy");
      const job = { job_id: taskId, valet_task_id: taskId, status: "running", fence, lease_id: leaseId, slot };
      inventory.jobs.push({ ...job, frozen: false });
    },
    finish(ref, slot) {
      set(slot, "preparing");
      for (const job of inventory.jobs) if (job.lease_id === ref.leaseId) job.status = "completed";
    },
    ready: (slot) => set(slot, "ready"),
    forget(ref) {
      inventory.jobs = inventory.jobs.filter((job) => job.lease_id !== ref.leaseId);
    },
  };
}
