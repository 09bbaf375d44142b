import { type DeployHostRow, type DeployRow } from "@valet/db";
import {
  type DeployDocument,
  type HostStep,
  analysisConfigSchema,
  courseSchema,
  deployRequestSchema,
  engineStateSchema,
  hostEngineSchema,
} from "@valet/rollout";
import { defaultKnobs } from "@valet/shared";

const msOf = (date: Date | null): number | null => date?.getTime() ?? null;
const dateOf = (ms: number | null): Date | null => (ms === null ? null : new Date(ms));

/** Deploys of a release that ran before: its tag may mean something else by now. */
const triggersByDigest: readonly string[] = ["rollback", "webhook rollback", "converge"];

/** The engine's JSON is checked on the way in like any other input: a row written by another version must not half-fit. */
export function documentOf(row: DeployRow): DeployDocument {
  const { course, ...engine } = row.engine;
  const isFresh = Object.keys(engine).length === 0;
  const request = row.request && {
    ...row.request.data,
    kind: row.request.verb,
    actor: row.request.actor,
    reason: row.request.reason,
  };
  return {
    id: row.id,
    environment: row.environment,
    service: row.service,
    imageTag: row.imageTag,
    imageDigest: row.imageDigest,
    byDigest: triggersByDigest.includes(row.trigger),
    previousTag: row.previousTag,
    previousDigest: row.previousDigest,
    state: row.state,
    stateReason: row.stateReason,
    revision: row.revision,
    // A deploy that an older version wrote lacks the newer knobs.
    knobs: { ...defaultKnobs(row.knobs.order), ...row.knobs },
    waitingOn: row.waitingOn,
    request: request && deployRequestSchema.parse(request),
    engine: isFresh ? { kind: "waiting" } : engineStateSchema.parse(engine),
    course: courseSchema.parse(course ?? {}),
    analysis: row.analysis === null ? null : analysisConfigSchema.parse(row.analysis),
    createdBy: row.createdBy,
    ignoreFreeze: row.ignoreFreeze,
    sandboxIds: row.sandboxIds,
    startedAt: msOf(row.startedAt),
    endedAt: msOf(row.endedAt),
    hosts: row.hosts.map(hostOf),
  };
}

function hostOf(row: DeployHostRow): HostStep {
  return {
    sandboxId: row.sandboxId,
    name: row.sandboxName,
    step: row.step,
    order: row.order,
    reason: row.reason,
    oldGeneration: row.oldGeneration,
    newGeneration: row.newGeneration,
    reportedDigest: row.reportedDigest,
    startedAt: msOf(row.startedAt),
    endedAt: msOf(row.endedAt),
    engine: hostEngineSchema.parse(row.engine),
  };
}

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
