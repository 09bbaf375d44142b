import { type DeployView, type KnobsOverride, routes } from "@valet/contracts";
import {
  type Sql,
  type Tx,
  appendAudit,
  listActiveForEnvironment,
  listDeploys,
  loadDeploy,
  releaseByDigest,
  setDeployRequest,
  setKnobsBeforeStart,
  upsertRelease,
} from "@valet/db";
import {
  type DeployActionName,
  type Environment,
  UserError,
  canDeployAction,
  deployActions,
  deployActionsFor,
} from "@valet/shared";
import type { FastifyInstance } from "fastify";
import type { ApiContext } from "../context.ts";
import { knobsFor, wishDeploy, wishRollback } from "../deploy-intent.ts";
import { assertPlanned, planNew, planWaiting } from "../deploy-planning.ts";
import { mount } from "../mount.ts";
import { pageView } from "../pagination.ts";
import { type UserPrincipal, actorOf } from "../principal.ts";
import { unwrap } from "../unwrap.ts";
import { deploySummaryView, loadDeployView } from "../views/deploy-view.ts";

/** Deploys: an action is a wish on the row; the control worker takes it up. Each is one transaction with its audit row. */
export function deployRoutes(app: FastifyInstance, context: ApiContext): void {
  const { db, config, autoDeploy } = context;

  mount(app, routes.listDeploys, async ({ query }) => pageView(await listDeploys(db, query), query, deploySummaryView));
  mount(app, routes.getDeploy, async ({ params }) => foundView(db, params.id));

  mount(app, routes.createDeploy, async ({ body, principal }) => {
    const id = await db.tx(async (tx) => {
      const { environment, service, imageTag, imageDigest, reason, sandboxIds, planRevision } = body;
      if (planRevision) assertPlanned(await planNew(tx, context, body, actorOf(principal)), planRevision);
      if (sandboxIds) await assertKnownSandboxes(tx, environment, sandboxIds);
      const release = await upsertRelease(tx, {
        service,
        version: imageTag,
        imageTag,
        imageDigest: imageDigest ?? null,
      });
      const deploy = await wishDeploy(tx, {
        environment,
        service,
        release,
        state: "queued",
        stateReason: reason || `asked for by ${principal.name}`,
        knobs: knobsFor(config.VALET_ROLLOUT_DEFAULTS, body.knobs),
        trigger: "operator",
        createdBy: actorOf(principal),
        ...(sandboxIds ? { sandboxIds } : {}),
      });
      await appendAudit(tx, { actor: actorOf(principal), action: "deploy.create", subject: deploy.id, data: body });
      return deploy.id;
    });
    return foundView(db, id);
  });

  const act = async (action: Exclude<DeployActionName, "rollback">, call: ActionCall, knobs?: KnobsOverride) => {
    const { params, body, principal } = call;
    await db.tx(async (tx) => {
      if (body.planRevision) {
        const plan = await planWaiting(tx, context, { id: params.id, knobs }, actorOf(principal));
        assertPlanned(plan, body.planRevision);
      }
      if (knobs) await overrideKnobs(tx, params.id, knobs);
      await wishAction(tx, action, call);
      await appendAudit(tx, {
        actor: actorOf(principal),
        action: `deploy.${action}`,
        subject: params.id,
        data: { reason: body.reason, ...(knobs ? { knobs } : {}) },
      });
    });
    return foundView(db, params.id);
  };
  mount(app, routes.triggerDeploy, (call) => act("trigger", call, call.body.knobs));
  mount(app, routes.approveDeploy, (call) => act("approve", call));
  mount(app, routes.promoteDeploy, (call) => act("promote", call));
  mount(app, routes.pauseDeploy, (call) => act("pause", call));
  mount(app, routes.resumeDeploy, (call) => act("resume", call));
  mount(app, routes.abortDeploy, (call) => act("abort", call));
  mount(app, routes.retryDeploy, (call) => act("retry", call));

  mount(app, routes.rollbackDeploy, async (call) => {
    const { params, body, principal } = call;
    const id = await db.tx(async (tx) => {
      const watched = await rollBack(tx, call, config.VALET_ROLLOUT_DEFAULTS);
      await appendAudit(tx, {
        actor: actorOf(principal),
        action: "deploy.rollback",
        subject: params.id,
        data: { reason: body.reason, watch: watched },
      });
      return watched;
    });
    return foundView(db, id);
  });

  mount(app, routes.getDeployConfig, () => autoDeploy.config());
  mount(app, routes.putDeployConfig, async ({ body, principal }) => {
    if (body.autoDeployStaging !== undefined)
      await autoDeploy.set("staging", body.autoDeployStaging, actorOf(principal));
    if (body.autoDeployProd !== undefined) await autoDeploy.set("production", body.autoDeployProd, actorOf(principal));
    return autoDeploy.config();
  });
}

interface ActionCall {
  params: { id: string };
  body: { reason: string; revision?: number | undefined; planRevision?: string | undefined };
  principal: UserPrincipal;
}

/** Leaves the wish; a state where it makes no sense is a 409 that names the state and what may be done there. */
async function wishAction(tx: Tx, action: DeployActionName, { params, body, principal }: ActionCall): Promise<void> {
  const deploy = await found(tx, params.id);
  if (!canDeployAction(action, deploy.state)) throw notNow(action, deploy.state);
  const request = { verb: action, actor: actorOf(principal), reason: body.reason, at: new Date().toISOString() };
  unwrap(
    await setDeployRequest(tx, params.id, request, {
      from: deployActions[action],
      ...(body.revision === undefined ? {} : { expectedRevision: body.revision }),
    }),
  );
}

/** A completed deploy is not reopened: its rollback is a new deploy of the release before it. Answers the deploy to watch. */
async function rollBack(
  tx: Tx,
  call: ActionCall & { body: { toDigest?: string | undefined } },
  defaults: KnobsOverride,
): Promise<string> {
  const { params, body, principal } = call;
  const deploy = await found(tx, params.id);
  if (!canDeployAction("rollback", deploy.state)) throw notNow("rollback", deploy.state);
  const toDigest = body.toDigest ?? deploy.previousDigest;
  if (deploy.state !== "completed") {
    if (toDigest !== deploy.previousDigest)
      throw new UserError(
        "validation",
        "toDigest: while a deploy is under way it can only go back to where it came from",
        [{ field: "toDigest", message: `must be ${deploy.previousDigest ?? "absent"} or left out`, code: "custom" }],
      );
    await wishAction(tx, "rollback", call);
    return params.id;
  }
  if (body.revision !== undefined && body.revision !== deploy.revision)
    throw new UserError("conflict", `The deploy is at revision ${deploy.revision} now.`);
  const release = toDigest === null ? undefined : await releaseByDigest(tx, deploy.service, toDigest);
  if (!release)
    throw new UserError("conflict", "There is no earlier release to go back to: this was the first one. Deploy a tag.");
  const queued = await wishRollback(tx, {
    environment: deploy.environment,
    service: deploy.service,
    imageTag: release.imageTag,
    imageDigest: toDigest ?? undefined,
    knobs: knobsFor(defaults),
    trigger: "rollback",
    actor: actorOf(principal),
    reason: body.reason,
  });
  return queued.id;
}

async function overrideKnobs(tx: Tx, id: string, override: KnobsOverride): Promise<void> {
  const deploy = await found(tx, id);
  await setKnobsBeforeStart(tx, id, { ...deploy.knobs, ...knobsGiven(override) });
}

function knobsGiven(override: KnobsOverride): KnobsOverride {
  return Object.fromEntries(Object.entries(override).filter(([, value]) => value !== undefined));
}

async function assertKnownSandboxes(tx: Tx, environment: Environment, ids: readonly string[]): Promise<void> {
  const known = new Set((await listActiveForEnvironment(tx, environment)).map((sandbox) => sandbox.id));
  const unknown = ids.filter((id) => !known.has(id));
  if (unknown.length === 0) return;
  const message = `not a sandbox in service in ${environment}: ${unknown.slice(0, 5).join(", ")}`;
  throw new UserError("validation", `sandboxIds: ${message}`, [{ field: "sandboxIds", message, code: "custom" }]);
}

function notNow(action: DeployActionName, state: Parameters<typeof deployActionsFor>[0]): UserError {
  const allowed = deployActionsFor(state);
  const rest =
    allowed.length > 0 ? `What may be done now: ${allowed.join(", ")}.` : "Nothing may be done to it any more.";
  return new UserError("illegal_transition", `A deploy that is ${state} cannot ${action}. ${rest}`);
}

async function found(sql: Sql, id: string) {
  const deploy = await loadDeploy(sql, id);
  if (!deploy) throw unknownDeploy(id);
  return deploy;
}

async function foundView(sql: Sql, id: string): Promise<DeployView> {
  const view = await loadDeployView(sql, id);
  if (!view) throw unknownDeploy(id);
  return view;
}

function unknownDeploy(id: string): UserError {
  return new UserError("not_found", `There is no deploy ${id}.`);
}
