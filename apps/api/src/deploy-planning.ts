import {
  type DeployPlan,
  type KnobsOverride,
  type deployCreateSchema,
  agentHealthSchema,
  freezeWindowSchema,
} from "@valet/contracts";
import {
  type DeployRow,
  type Sql,
  approvalsOf,
  deployNeighbours,
  findRelease,
  getEnvironmentConfig,
  getRelease,
  lastCompleted,
  listAllowedReleases,
  loadDeployHead,
  measuredDurations,
  openTasks,
  sandboxFacts,
  sandboxObservations,
} from "@valet/db";
import {
  type DeployDocument,
  type EnvironmentFacts,
  type Observation,
  freshCourse,
  planDeploy,
  planMoved,
} from "@valet/rollout";
import { type Environment, type LeaseTimes, type RolloutKnobs, type Service, UserError } from "@valet/shared";
import { z } from "zod";
import type { ApiContext } from "./context.ts";
import { changedKnobs, settingsOf } from "./rollout-settings.ts";

/** A deploy as it is wished for; `row` when it exists already and has not begun. */
export interface PlanWish {
  environment: Environment;
  service: Service;
  imageTag: string;
  imageDigest: string | null;
  sandboxIds: readonly string[] | null;
  knobs: RolloutKnobs;
  actor: string;
  row?: DeployRow;
}

/** No deploy has this id. */
const notYet = "00000000-0000-0000-0000-000000000000";

/** The plan of a deploy from what the database holds: it asks no host, and says how old each look at one is. Writes nothing. */
export async function planFor(sql: Sql, times: LeaseTimes, now: number, wish: PlanWish): Promise<DeployPlan> {
  const { environment, service } = wish;
  const deploy = draftOf(wish);
  const id = wish.row?.id ?? notYet;
  const facts = await sandboxFacts(sql, { id, environment, sandboxIds: wish.sandboxIds, hosts: [] }, times);
  const looks = await sandboxObservations(
    sql,
    facts.map((one) => one.sandboxId),
  );
  const lookOf = new Map(looks.map((one) => [one.sandboxId, one]));
  const sandboxes = facts.map((one): Observation => {
    const look = lookOf.get(one.sandboxId);
    // A row that another version wrote is no look at all.
    const health = agentHealthSchema.safeParse(look?.health);
    if (health.success) return { kind: "seen", health: health.data, refusal: null, facts: one };
    const why = look?.why || "the control worker has not seen its agent yet";
    return { kind: "unreachable", since: one.unreachableSince ?? look?.observedAt.getTime() ?? 0, why, facts: one };
  });
  const open = await openTasks(sql, environment);
  const requeueable = new Map(facts.flatMap((one) => one.openAttempts.map((task) => [task.taskId, task.requeueable])));
  const concerned = new Set(facts.map((one) => one.sandboxId));
  return planDeploy({
    deploy,
    observations: { environment: await environmentFacts(sql, deploy, id), sandboxes },
    durations: await measuredDurations(sql, environment, service),
    openTasks: open
      .filter((task) => concerned.has(task.sandboxId))
      .map((task) => ({ ...task, requeueable: requeueable.get(task.taskId) ?? false })),
    release: await releaseKnown(sql, wish),
    now,
    observedAt: new Map(looks.map((one) => [one.sandboxId, one.observedAt.getTime()])),
  });
}

type Planning = Pick<ApiContext, "times" | "clock" | "config">;

/** The plan of a deploy that nobody has created yet. */
export async function planNew(
  sql: Sql,
  { times, clock, config }: Planning,
  body: NewDeploy,
  actor: string,
): Promise<DeployPlan> {
  const { environment, service, imageTag, imageDigest = null, sandboxIds = null } = body;
  const own = { environment, service, own: body.knobs };
  const { knobs } = await settingsOf(sql, config.VALET_ROLLOUT_DEFAULTS, own);
  return planFor(sql, times, clock.now(), { environment, service, imageTag, imageDigest, sandboxIds, knobs, actor });
}
type NewDeploy = Pick<
  z.output<typeof deployCreateSchema>,
  "environment" | "service" | "imageTag" | "imageDigest" | "sandboxIds" | "knobs"
>;

/** The plan of a deploy that exists and has not begun, with these knobs over its own. */
export async function planWaiting(
  sql: Sql,
  { times, clock }: Planning,
  wanted: { id: string; knobs: KnobsOverride | undefined },
  actor: string,
): Promise<DeployPlan> {
  const row = await loadDeployHead(sql, wanted.id);
  if (!row) throw new UserError("not_found", `There is no deploy ${wanted.id}.`);
  if (!plannable.includes(row.state)) {
    const message = `Deploy ${row.id} is ${row.state}: only one that has not begun can be planned (${plannable.join(", ")}).`;
    throw new UserError("illegal_transition", message);
  }
  const { environment, service, imageTag, imageDigest, sandboxIds } = row;
  const knobs = changedKnobs(row.knobs, wanted.knobs ?? {});
  const wish = { environment, service, imageTag, imageDigest, sandboxIds, knobs, actor, row };
  return planFor(sql, times, clock.now(), wish);
}

const plannable: readonly string[] = ["awaiting_trigger", "awaiting_approval", "queued"];

/** Refuses when a plan made now differs from the one that was looked at, naming what is another. */
export function assertPlanned(plan: DeployPlan, planRevision: string | undefined): void {
  const moved = planRevision === undefined ? null : planMoved(planRevision, plan.revision);
  if (moved === null) return;
  throw new UserError(
    "plan_moved",
    `Since the plan was made, this has changed: ${moved}. Nothing was done. Plan again; the revision is ${plan.revision} now.`,
  );
}

function draftOf({
  environment,
  service,
  imageTag,
  imageDigest,
  sandboxIds,
  knobs,
  actor,
  row,
}: PlanWish): DeployDocument {
  return {
    id: row?.id ?? "",
    ...{ environment, service, imageTag, imageDigest, knobs },
    ...{ previousTag: null, previousDigest: null, stateReason: "", revision: row?.revision ?? 0 },
    state: row?.state ?? "queued",
    ...{ waitingOn: [], request: null, engine: { kind: "waiting" }, course: freshCourse(), analysis: null },
    createdBy: row?.createdBy ?? actor,
    ignoreFreeze: row?.ignoreFreeze ?? false,
    sandboxIds: sandboxIds === null ? null : [...sandboxIds],
    ...{ startedAt: null, endedAt: null, hosts: [] },
  };
}

const rulesSchema = z.object({
  freezes: z.array(freezeWindowSchema).default([]),
  approvals: z.number().int().default(0),
});

async function environmentFacts(sql: Sql, deploy: DeployDocument, id: string): Promise<EnvironmentFacts> {
  const { environment, service } = deploy;
  const neighbours = await deployNeighbours(sql, { id, environment, service });
  const last = await lastCompleted(sql, environment, service, id);
  const allowed = await listAllowedReleases(sql, environment, service);
  const config = rulesSchema.parse((await getEnvironmentConfig(sql, environment))?.config ?? {});
  const approvals = deploy.id === "" ? [] : await approvalsOf(sql, id);
  return {
    ...neighbours,
    lastCompleted: last ? { tag: last.imageTag, digest: last.imageDigest } : null,
    allowedDigests: allowed.map((one) => one.imageDigest).sort(),
    samples: null,
    approvals: approvals.map(({ actor, at }) => ({ actor, at: at.getTime() })),
    requiredApprovals: config.approvals,
    freezes: config.freezes,
    contractMigrations: [],
  };
}

async function releaseKnown(sql: Sql, { service, imageTag, imageDigest }: PlanWish) {
  const found = await findRelease(sql, service, imageDigest ?? imageTag);
  const release = found && (await getRelease(sql, found.id));
  const pruned = release?.prunedAt ? (release.prunedReason ?? `pruned ${release.prunedAt.toISOString()}`) : null;
  return { isKnown: release !== undefined, pruned };
}
