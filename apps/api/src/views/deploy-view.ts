import {
  type DeployFreeze,
  type DeploySummary,
  type DeployView,
  type FreezeWindow,
  fleetWarnings,
} from "@valet/contracts";
import {
  type DeployHostRow,
  type DeployRow,
  type DeploySummaryRow,
  type Sql,
  approvalsOf,
  decisionsOf,
  deployMeasures,
  deploySummary,
  getSandboxes,
  hostsInService,
  loadDeploy,
} from "@valet/db";
import { documentOf, freezeAt, lastAnalysisOf, progressOf } from "@valet/rollout";
import type { DeployState } from "@valet/shared";
import { environmentConfigOf } from "../rollout-settings.ts";

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
export async function loadDeployView(sql: Sql, id: string, now: number): Promise<DeployView | null> {
  const [summary, deploy] = await Promise.all([deploySummary(sql, id), loadDeploy(sql, id)]);
  if (!summary || !deploy) return null;
  const document = documentOf(deploy);
  const [decisions, measures, given, before, sandboxes] = await Promise.all([
    decisionsOf(sql, id),
    deployMeasures(sql, id),
    approvalsOf(sql, id),
    beforehand(sql, deploy, now),
    getSandboxes(
      sql,
      deploy.hosts.map((host) => host.sandboxId),
    ),
  ]);
  const activeTasks = new Map(sandboxes.map((sandbox) => [sandbox.id, sandbox.activeTaskCount]));
  return {
    ...deploySummaryView(summary),
    knobs: document.knobs,
    progress: progressOf(document, now),
    analysis: lastAnalysisOf(document),
    approvals: {
      required: deploy.requiredApprovals,
      given: given.map((approval) => ({ ...approval, at: approval.at.toISOString() })),
    },
    ignoreFreeze: deploy.ignoreFreeze,
    configVersion: deploy.configVersion,
    ...before,
    hosts: deploy.hosts.map((host) => hostView(host, activeTasks.get(host.sandboxId) ?? null)),
    decisions: decisions.map((decision) => ({ ...decision, at: decision.at.toISOString() })),
    measures,
  };
}

const notBegun: readonly DeployState[] = ["awaiting_trigger", "awaiting_approval", "queued"];
const mayBeFrozen: readonly DeployState[] = [...notBegun, "in_progress", "paused"];

/** What holds it now, and what somebody should know before it begins. */
async function beforehand(sql: Sql, deploy: DeployRow, now: number): Promise<Pick<DeployView, "freeze" | "warnings">> {
  const isHeld = !deploy.ignoreFreeze && mayBeFrozen.includes(deploy.state);
  const freeze = isHeld ? freezeViewAt((await environmentConfigOf(sql, deploy.environment)).config.freezes, now) : null;
  if (!notBegun.includes(deploy.state)) return { freeze, warnings: [] };
  const hosts = deploy.sandboxIds?.length ?? (await hostsInService(sql, deploy.environment));
  return { freeze, warnings: fleetWarnings(deploy.knobs, hosts) };
}

export function freezeViewAt(windows: readonly FreezeWindow[], now: number): DeployFreeze | null {
  const freeze = freezeAt(windows, now);
  return freeze && { ...freeze, until: freeze.until === null ? null : new Date(freeze.until).toISOString() };
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
