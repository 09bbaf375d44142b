import type { DeployRow } from "@valet/db";
import type { DeployDocument, HostStep } from "@valet/rollout";

const dateOf = (ms: number | null): Date | null => (ms === null ? null : new Date(ms));

/** `row` keeps what the engine does not know of: release, trigger, author. */
export function rowOf(next: DeployDocument, row: DeployRow, hosts: readonly HostStep[]): DeployRow {
  const positions = new Map(next.hosts.map((host, position) => [host.sandboxId, position]));
  return {
    ...row,
    imageDigest: next.imageDigest,
    previousTag: next.previousTag,
    previousDigest: next.previousDigest,
    state: next.state,
    stateReason: next.stateReason,
    knobs: next.knobs,
    waitingOn: next.waitingOn,
    request: next.request === null ? null : row.request,
    engine: { ...next.engine, course: next.course },
    sandboxIds: next.sandboxIds,
    startedAt: dateOf(next.startedAt),
    endedAt: dateOf(next.endedAt),
    hosts: hosts.map((host) => ({
      sandboxId: host.sandboxId,
      sandboxName: host.name,
      position: positions.get(host.sandboxId) ?? 0,
      step: host.step,
      order: host.order,
      reason: host.reason,
      epoch: host.engine.command?.epoch ?? null,
      oldGeneration: host.oldGeneration,
      newGeneration: host.newGeneration,
      reportedDigest: host.reportedDigest,
      engine: host.engine,
      startedAt: dateOf(host.startedAt),
      endedAt: dateOf(host.endedAt),
    })),
  };
}
