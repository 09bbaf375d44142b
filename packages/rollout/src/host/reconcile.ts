import type { GhWorkerStatus } from "@valet/contracts";
import { enforceDeadlines, type HostTimes } from "./lease-enforcement.ts";
import { type GenerationRecord, isLive, moveGeneration } from "./host-state.ts";
import { sweepProfiles } from "./orphan-sweep.ts";
import type { Host } from "./procedure.ts";
import { releasesToKeep } from "./releases-to-keep.ts";

/** The end of a generation sweeps its own; this is for what a killed agent left. */
const sweepEveryMs = 5000;

/** A GH worker that owns no slot any more: its browsers are another generation's now. */
export function isSlotless(status: Pick<GhWorkerStatus, "slots">): boolean {
  return status.slots.every(({ state }) => state === "closed");
}

/** Whether a generation's worker shall refuse new work. */
export function wantsDrain(
  record: GenerationRecord,
  status: Pick<GhWorkerStatus, "slots">,
  isHostDraining: boolean,
): boolean {
  switch (record.state) {
    case "starting":
      return false;
    case "serving":
      return isHostDraining;
    case "draining":
      return isHostDraining || !record.handsOver || isSlotless(status);
    case "warm":
    case "ended":
      return true;
  }
}

/** Nothing runs there and nothing can begin there. */
export function isDrained(record: GenerationRecord, status: GhWorkerStatus): boolean {
  return status.active_jobs === 0 && !status.accepting && (!record.handsOver || isSlotless(status));
}

export interface Reconciler {
  /** Compares what each generation should do with what it does, and mends one step of it. */
  tick(): Promise<void>;
}

/** Level-triggered: drains and undrains workers, moves drained generations on, ends warm ones whose time is over, sweeps what belongs to nobody. */
export function makeReconciler(host: Host, isBusy: () => boolean): Reconciler {
  const { generations, state, clock } = host;
  const idleSinceMs = new Map<number, number>();
  /** Long enough for a finished task's last events to reach the sandbox worker. */
  const idleBeforeEndMs = Math.max(500, host.config.leaseMs / 60);
  const keptReleases = { text: "", failure: "" };
  let nextSweepMs = 0;

  async function tickGeneration(record: GenerationRecord): Promise<void> {
    const status = await generations.gh(record).workerStatus();
    if (!status || !isLive(record)) return;
    const shallDrain = wantsDrain(record, status, state.value.drainedBy.length > 0 || isStopFirstDraining(host));
    if (record.state !== "starting" && status.is_draining !== shallDrain)
      await generations.gh(record).setDraining(shallDrain);
    if (record.state === "draining") await tickDraining(record, status);
    if (record.state === "warm" && clock.now() >= (record.warmUntilMs ?? 0)) {
      await generations.end(record, "its rollback window is over");
    }
  }

  async function tickDraining(record: GenerationRecord, status: GhWorkerStatus): Promise<void> {
    if (!isDrained(record, status)) return void idleSinceMs.delete(record.generation);
    const sinceMs = idleSinceMs.get(record.generation) ?? clock.monotonicMs();
    idleSinceMs.set(record.generation, sinceMs);
    if (clock.monotonicMs() - sinceMs < idleBeforeEndMs) return;
    idleSinceMs.delete(record.generation);
    if (record.afterDrain === "ended") return generations.end(record, "drained after it gave way");
    const others = generations.live().filter((entry) => entry.state === "warm");
    state.update(() => {
      moveGeneration(record, "warm", "drained; kept for a rollback");
      record.warmUntilMs = clock.now() + record.warmForMs;
    });
    // At most one warm generation a sandbox: the newest.
    const [, ...older] = [...others, record].sort((a, b) => b.generation - a.generation);
    await Promise.all(older.map((entry) => generations.end(entry, "a newer generation is warm")));
  }

  async function prune(): Promise<void> {
    const text = [...releasesToKeep(host)].sort().join();
    if (text === keptReleases.text || isBusy()) return;
    const pruned = await host.store.prune(() => releasesToKeep(host));
    if (!pruned.ok) {
      if (pruned.error.message !== keptReleases.failure) host.log("prune_failed", { error: pruned.error.message });
      keptReleases.failure = pruned.error.message;
      return;
    }
    Object.assign(keptReleases, { text, failure: "" });
    if (pruned.value.length > 0) host.log("releases_pruned", { pruned: pruned.value });
  }

  return {
    async tick() {
      await Promise.all(generations.live().map(tickGeneration));
      await prune();
      if (clock.monotonicMs() < nextSweepMs) return;
      nextSweepMs = clock.monotonicMs() + sweepEveryMs;
      const isOver = (generation: number) => generation < state.value.nextGeneration && !isLiveNumber(host, generation);
      const swept = await sweepProfiles(host.config.ghDataDir, isOver);
      if (swept.length > 0) host.log("orphans_swept", { profiles: swept });
    },
  };
}

/** Freezes browsers past their deadline, in the folders of the generations and of each targeted worker. */
export function enforceOn(host: Host, dirs: readonly string[], now: () => HostTimes, marginMs: number): void {
  for (const lease of dirs.flatMap((dir) => enforceDeadlines(dir, now, marginMs))) {
    host.log("browser_frozen", { taskId: lease.taskId, fence: lease.fence, browserPid: lease.browserPid });
  }
}

function isLiveNumber({ generations }: Host, generation: number): boolean {
  const record = generations.get(generation);
  return record !== undefined && isLive(record);
}

function isStopFirstDraining({ state }: Host): boolean {
  const phases = ["draining", "stopping"];
  return state.value.deploys.some(
    ({ view }) => view.endedAt === null && view.order === "stop-first" && phases.includes(view.phase),
  );
}
