import type { SandboxView } from "@valet/contracts";
import type { SandboxRow } from "@valet/db";
import { driftReason, pinnedTag } from "@valet/shared";
import type { ApiContext } from "../context.ts";

/** A session without a heartbeat for this many beats no longer counts as live. */
const liveBeats = 3;

/** A sandbox as clients see it; its keys stay here. */
export function sandboxView(row: SandboxRow, { clock, times }: Pick<ApiContext, "clock" | "times">): SandboxView {
  const now = clock.now();
  const serving = servingGeneration(row);
  return {
    id: row.id,
    name: row.name,
    environment: row.environment,
    instanceId: row.instanceId,
    publicIp: row.publicIp,
    agentPort: row.agentPort,
    instanceType: row.instanceType,
    browserEngine: row.browserEngine,
    capacity: row.capacity,
    labels: row.labels,
    status: row.state,
    state: row.state,
    stateReason: row.stateReason,
    reachable: row.reachable,
    sessionLive:
      row.sessionId !== null &&
      row.lastSeenAt !== null &&
      now - row.lastSeenAt.getTime() <= liveBeats * times.heartbeatMs,
    lastSeenAt: row.lastSeenAt?.toISOString() ?? null,
    quarantined: row.quarantinedUntil !== null && row.quarantinedUntil.getTime() > now,
    pinnedTo: pinnedTag(row.state, row.stateReason),
    drift: driftReason(row.cordons),
    cordons: row.cordons.map(({ createdAt, ...cordon }) => ({ ...cordon, since: createdAt.toISOString() })),
    slots: row.slots.map(({ index, state, generation, taskId, updatedAt }) => ({
      index,
      state,
      generation,
      taskId,
      since: updatedAt.toISOString(),
    })),
    generations: row.generations.map((generation) => ({
      generation: generation.number,
      state: generation.state,
      releaseTag: generation.imageTag,
      releaseDigest: generation.imageDigest,
      spareReady: generation.spareReady,
      accepting: generation.accepting,
      lastReportedAt: generation.reportedAt.toISOString(),
    })),
    releaseTag: serving?.imageTag ?? null,
    releaseDigest: serving?.imageDigest ?? null,
    activeTaskCount: row.activeTaskCount,
    createdAt: row.createdAt.toISOString(),
  };
}

/** The generation that new work goes to: the target, or else the newest that serves. */
function servingGeneration(row: SandboxRow) {
  const alive = row.generations.filter((generation) => generation.state !== "ended");
  return (
    alive.find((generation) => generation.number === row.targetGeneration) ??
    alive.find((generation) => generation.state === "serving")
  );
}
