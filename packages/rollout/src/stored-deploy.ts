import { defaultKnobs } from "@valet/shared";
import type { DeployActionName } from "@valet/shared";
import { analysisConfigSchema } from "./analysis/model.ts";
import {
  type DeployDocument,
  type HostStep,
  courseSchema,
  deployRequestSchema,
  engineStateSchema,
  freshHostEngine,
  hostEngineSchema,
} from "./model.ts";

/** A deploy as a database row has it: times are dates, the engine's own parts are JSON that nobody has checked. */
export interface StoredDeploy extends Omit<
  DeployDocument,
  "byDigest" | "request" | "engine" | "course" | "analysis" | "startedAt" | "endedAt" | "hosts"
> {
  trigger: string;
  request: { verb: DeployActionName; actor: string; reason: string; data?: Record<string, unknown> } | null;
  engine: Record<string, unknown>;
  analysis: Record<string, unknown> | null;
  startedAt: Date | null;
  endedAt: Date | null;
  hosts: StoredHost[];
}
export interface StoredHost extends Omit<HostStep, "name" | "engine" | "startedAt" | "endedAt"> {
  sandboxName: string;
  engine: Record<string, unknown>;
  startedAt: Date | null;
  endedAt: Date | null;
}

/** Deploys of a release that ran before: its tag may mean something else by now. */
const triggersByDigest: readonly string[] = ["rollback", "webhook rollback", "converge"];
const msOf = (date: Date | null): number | null => date?.getTime() ?? null;

/** The engine's JSON is checked on the way in like any other input: a row written by another version must not half-fit. */
export function documentOf(row: StoredDeploy): DeployDocument {
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

function hostOf(row: StoredHost): HostStep {
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
    // A deploy that ran past the API left no working state.
    engine: Object.keys(row.engine).length === 0 ? freshHostEngine() : hostEngineSchema.parse(row.engine),
  };
}
