import type { DeploySummary, DeployView } from "@valet/contracts";
import {
  type DeployHostRow,
  type DeploySummaryRow,
  type Sql,
  decisionsOf,
  deployMeasures,
  deploySummary,
  getSandboxes,
  loadDeploy,
} from "@valet/db";

export function deploySummaryView(row: DeploySummaryRow): DeploySummary {
  return {
    id: row.id,
    environment: row.environment,
    service: row.service,
    imageTag: row.imageTag,
    imageDigest: row.imageDigest,
    previousTag: row.previousTag,
    previousDigest: row.previousDigest,
    commitSha: row.commitSha,
    commitMessage: row.commitMessage,
    state: row.state,
    stateReason: row.stateReason,
    waitingOn: row.waitingOn,
    trigger: row.trigger,
    createdBy: row.createdBy,
    revision: row.revision,
    hostsTotal: row.hostsTotal,
    hostsUpdated: row.hostsUpdated,
    hostsFailed: row.hostsFailed,
    createdAt: row.createdAt.toISOString(),
    startedAt: row.startedAt?.toISOString() ?? null,
    endedAt: row.endedAt?.toISOString() ?? null,
  };
}

/** A deploy with each host's own state and reason (F20), what was decided and why, and its measures; null when unknown. */
export async function loadDeployView(sql: Sql, id: string): Promise<DeployView | null> {
  const [summary, deploy] = await Promise.all([deploySummary(sql, id), loadDeploy(sql, id)]);
  if (!summary || !deploy) return null;
  const [decisions, measures, sandboxes] = await Promise.all([
    decisionsOf(sql, id),
    deployMeasures(sql, id),
    getSandboxes(
      sql,
      deploy.hosts.map((host) => host.sandboxId),
    ),
  ]);
  const activeTasks = new Map(sandboxes.map((sandbox) => [sandbox.id, sandbox.activeTaskCount]));
  return {
    ...deploySummaryView(summary),
    knobs: deploy.knobs,
    hosts: deploy.hosts.map((host) => hostView(host, activeTasks.get(host.sandboxId) ?? null)),
    decisions: decisions.map((decision) => ({ ...decision, at: decision.at.toISOString() })),
    measures,
  };
}

function hostView(host: DeployHostRow, activeTaskCount: number | null): DeployView["hosts"][number] {
  return {
    sandboxId: host.sandboxId,
    sandboxName: host.sandboxName,
    step: host.step,
    status: host.step,
    order: host.order,
    reason: host.reason,
    message: host.reason,
    oldGeneration: host.oldGeneration,
    newGeneration: host.newGeneration,
    reportedDigest: host.reportedDigest,
    activeTaskCount,
    startedAt: host.startedAt?.toISOString() ?? null,
    endedAt: host.endedAt?.toISOString() ?? null,
  };
}
