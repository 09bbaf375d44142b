import { type KnobsOverride, routes } from "@valet/contracts";
import {
  type DeployRow,
  type Tx,
  addApproval,
  appendAudit,
  deployNeighbours,
  hostsInService,
  lockDeploy,
  setAskedBy,
  setDeployRequest,
  setKnobsBeforeStart,
} from "@valet/db";
import { documentOf, whyNotPromoted } from "@valet/rollout";
import { type DeployActionName, UserError, canDeployAction, deployActions } from "@valet/shared";
import type { FastifyInstance } from "fastify";
import type { ApiContext } from "../context.ts";
import { assertPlanned, planWaiting } from "../deploy-planning.ts";
import { foundDeploy, foundView, notNow, unknownDeploy } from "../find-deploy.ts";
import { mount } from "../mount.ts";
import { type UserPrincipal, actorOf, isSamePerson } from "../principal.ts";
import { assertKnobs, assertMayIgnoreFreeze, changedKnobs } from "../rollout-settings.ts";
import { unwrap } from "../unwrap.ts";

/** What operators ask of a deploy. Each is one transaction: the row is locked, so that of two at once one is first. */
export function deployActionRoutes(app: FastifyInstance, context: ApiContext): void {
  const { db, clock } = context;

  const act = async (action: DeployActionName, call: ActionCall, prepare?: Prepare) => {
    const { params, body, principal } = call;
    await db.tx(async (tx) => {
      const deploy = await lockedDeploy(tx, action, call);
      const more = (await prepare?.(tx, deploy)) ?? {};
      if (!more.isDone) await leaveWish(tx, action, call);
      const data = { reason: body.reason, ...more.audit };
      await appendAudit(tx, { actor: actorOf(principal), action: `deploy.${action}`, subject: params.id, data });
    });
    return foundView(db, params.id, clock.now());
  };

  mount(app, routes.triggerDeploy, (call) => {
    const { body, principal } = call;
    return act("trigger", call, async (tx, deploy) => {
      const actor = actorOf(principal);
      assertMayIgnoreFreeze(principal, body);
      if (body.planRevision) {
        const plan = await planWaiting(tx, context, { id: deploy.id, knobs: body.knobs }, actor);
        assertPlanned(plan, body.planRevision);
      }
      if (body.knobs) await changeKnobs(tx, deploy, body.knobs);
      await setAskedBy(tx, deploy.id, { actor, ignoreFreeze: body.ignoreFreeze });
      return {
        audit: { ...(body.knobs ? { knobs: body.knobs } : {}), ...(body.ignoreFreeze ? { ignoreFreeze: true } : {}) },
      };
    });
  });
  mount(app, routes.approveDeploy, (call) => act("approve", call, (tx, deploy) => approve(tx, deploy, call)));
  mount(app, routes.promoteDeploy, (call) =>
    act("promote", call, async (_tx, deploy) => {
      const why = whyNotPromoted(documentOf(deploy), clock.now());
      if (why !== null) throw new UserError("conflict", `This deploy does not wait for promote: ${why}.`);
      return {};
    }),
  );
  mount(app, routes.pauseDeploy, (call) => act("pause", call));
  mount(app, routes.resumeDeploy, (call) => act("resume", call));
  mount(app, routes.abortDeploy, (call) => act("abort", call));
  mount(app, routes.retryDeploy, (call) =>
    act("retry", call, async (tx, deploy) => {
      const { activeDeployId } = await deployNeighbours(tx, deploy);
      if (activeDeployId === null) return {};
      const where = `${deploy.service} in ${deploy.environment}`;
      throw new UserError("conflict", `Deploy ${activeDeployId} of ${where} is active: retry once it is over.`);
    }),
  );
}

export interface ActionCall {
  params: { id: string };
  body: { reason: string; revision?: number | undefined };
  principal: UserPrincipal;
}

/** Looks closer before the wish is left. `isDone`: there is nothing left to wish for. */
type Prepare = (tx: Tx, deploy: DeployRow) => Promise<{ isDone?: boolean; audit?: Record<string, unknown> }>;

/** The deploy, held until the transaction ends, in a state in which the action makes sense and at the revision that was looked at. */
export async function lockedDeploy(tx: Tx, action: DeployActionName, { params, body }: ActionCall): Promise<DeployRow> {
  if (!(await lockDeploy(tx, params.id))) throw unknownDeploy(params.id);
  const deploy = await foundDeploy(tx, params.id);
  if (!canDeployAction(action, deploy.state)) throw notNow(action, deploy.state);
  if (body.revision !== undefined && body.revision !== deploy.revision) {
    throw new UserError(
      "conflict",
      `The deploy is at revision ${deploy.revision} now, not ${body.revision}: look again.`,
    );
  }
  return deploy;
}

/** Writes down what is wanted, for the control worker. A wish that is there already is a 409 that says whose. */
export async function leaveWish(
  tx: Tx,
  action: DeployActionName,
  { params, body, principal }: ActionCall,
  data?: Record<string, unknown>,
): Promise<void> {
  const request = { verb: action, actor: actorOf(principal), reason: body.reason, at: new Date().toISOString() };
  const wish = data ? { ...request, data } : request;
  unwrap(await setDeployRequest(tx, params.id, wish, { from: deployActions[action] }));
}

/** Counts a second person's word; the last one needed lets the deploy go. */
async function approve(tx: Tx, deploy: DeployRow, { body, principal }: ActionCall) {
  const actor = actorOf(principal);
  const own = [deploy.createdBy, deploy.askedBy].find((one) => one !== null && isSamePerson(one, actor));
  if (own !== undefined) {
    const message = `${own} asked for this deploy: another person has to approve it.`;
    throw new UserError("own_deploy", message);
  }
  const approvals = unwrap(await addApproval(tx, deploy.id, { actor, reason: body.reason }));
  const required = Math.max(1, deploy.requiredApprovals);
  return { isDone: approvals < required, audit: { approvals, required } };
}

async function changeKnobs(tx: Tx, deploy: DeployRow, change: KnobsOverride): Promise<void> {
  const knobs = changedKnobs(deploy.knobs, change);
  const hosts = deploy.sandboxIds?.length ?? (await hostsInService(tx, deploy.environment));
  assertKnobs(knobs, deploy.environment, hosts);
  if (await setKnobsBeforeStart(tx, deploy.id, knobs)) return;
  throw new UserError("conflict", "Somebody has just triggered this deploy: its knobs cannot be changed any more.");
}
