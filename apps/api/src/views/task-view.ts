import { type TaskSummary, type TaskView, taskSubmitSchema } from "@valet/contracts";
import { type ArtifactRow, type AttemptRow, type Sql, type TaskRow, artifactsOf, attemptsOf } from "@valet/db";

export function taskSummaryView(row: TaskRow): TaskSummary {
  return {
    id: row.id,
    tenantId: row.tenantId,
    environment: row.environment,
    state: row.state,
    stateReason: row.stateReason,
    url: row.url,
    stepCount: row.stepCount,
    stepsDone: row.stepsDone,
    priority: row.priority,
    attemptCount: row.attemptCount,
    cancelRequested: row.cancelRequested,
    metadata: row.metadata,
    sandboxId: row.sandboxId,
    sandboxName: row.sandboxName,
    createdAt: row.createdAt.toISOString(),
    enqueuedAt: row.enqueuedAt.toISOString(),
    startedAt: row.startedAt?.toISOString() ?? null,
    endedAt: row.endedAt?.toISOString() ?? null,
  };
}

export function taskView(row: TaskRow, attempts: readonly AttemptRow[], artifacts: readonly ArtifactRow[]): TaskView {
  return {
    ...taskSummaryView(row),
    spec: taskSubmitSchema.parse(row.spec),
    result: row.result,
    error: row.error,
    attempts: attempts.map(attemptView),
    artifacts: artifacts.map(artifactView),
  };
}

export async function loadTaskView(sql: Sql, row: TaskRow): Promise<TaskView> {
  const [attempts, artifacts] = await Promise.all([attemptsOf(sql, row.id), artifactsOf(sql, row.id)]);
  return taskView(row, attempts, artifacts);
}

export function artifactView(row: ArtifactRow) {
  const { id, name, contentType, bytes, sha256, createdAt } = row;
  return { id, name, contentType, bytes, sha256, createdAt: createdAt.toISOString() };
}

function attemptView(row: AttemptRow): TaskView["attempts"][number] {
  return {
    number: row.number,
    fence: row.fence,
    sandboxId: row.sandboxId,
    sandboxName: row.sandboxName,
    slot: row.slot,
    generation: row.generation,
    releaseTag: row.releaseTag,
    releaseDigest: row.releaseDigest,
    reservedAt: row.reservedAt.toISOString(),
    acknowledgedAt: row.acknowledgedAt?.toISOString() ?? null,
    endedAt: row.endedAt?.toISOString() ?? null,
    outcome: row.outcome,
    reason: row.reason,
  };
}
