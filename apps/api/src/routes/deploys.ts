import { routes } from "@valet/contracts";
import { type Tx, appendAudit, hostsInService, listDeploys, sandboxIdsInService, upsertRelease } from "@valet/db";
import { type Environment, UserError } from "@valet/shared";
import type { FastifyInstance } from "fastify";
import type { ApiContext } from "../context.ts";
import { wishDeploy } from "../deploy-intent.ts";
import { assertPlanned, planNew } from "../deploy-planning.ts";
import { foundView } from "../find-deploy.ts";
import { mount } from "../mount.ts";
import { pageView } from "../pagination.ts";
import { actorOf } from "../principal.ts";
import { assertKnobs, assertMayIgnoreFreeze, settingsOf } from "../rollout-settings.ts";
import { deploySummaryView } from "../views/deploy-view.ts";

/** Deploys: what is wanted is written down with its audit row, in one transaction; the control worker takes it up. */
export function deployRoutes(app: FastifyInstance, context: ApiContext): void {
  const { db, config, autoDeploy, clock } = context;

  mount(app, routes.listDeploys, async ({ query }) => pageView(await listDeploys(db, query), query, deploySummaryView));
  mount(app, routes.getDeploy, async ({ params }) => foundView(db, params.id, clock.now()));

  mount(app, routes.createDeploy, async ({ body, principal }) => {
    assertMayIgnoreFreeze(principal, body);
    const id = await db.tx(async (tx) => {
      const { environment, service, imageTag, imageDigest, reason, sandboxIds, planRevision } = body;
      if (planRevision) assertPlanned(await planNew(tx, context, body, actorOf(principal)), planRevision);
      if (sandboxIds) await assertKnownSandboxes(tx, environment, sandboxIds);
      const settings = await settingsOf(tx, config.VALET_ROLLOUT_DEFAULTS, { environment, service, own: body.knobs });
      assertKnobs(settings.knobs, environment, sandboxIds?.length ?? (await hostsInService(tx, environment)));
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
        settings: { ...settings, ignoreFreeze: body.ignoreFreeze },
        state: "queued",
        stateReason: reason || `asked for by ${principal.name}`,
        trigger: "operator",
        createdBy: actorOf(principal),
        ...(sandboxIds ? { sandboxIds } : {}),
      });
      await appendAudit(tx, { actor: actorOf(principal), action: "deploy.create", subject: deploy.id, data: body });
      return deploy.id;
    });
    return foundView(db, id, clock.now());
  });

  mount(app, routes.getDeployConfig, () => autoDeploy.config());
  mount(app, routes.putDeployConfig, async ({ body, principal }) => {
    if (body.autoDeployStaging !== undefined)
      await autoDeploy.set("staging", body.autoDeployStaging, actorOf(principal));
    if (body.autoDeployProd !== undefined) await autoDeploy.set("production", body.autoDeployProd, actorOf(principal));
    return autoDeploy.config();
  });
}

async function assertKnownSandboxes(tx: Tx, environment: Environment, ids: readonly string[]): Promise<void> {
  const known = new Set(await sandboxIdsInService(tx, environment));
  const unknown = ids.filter((id) => !known.has(id));
  if (unknown.length === 0) return;
  const message = `not a sandbox in service in ${environment}: ${unknown.slice(0, 5).join(", ")}`;
  throw new UserError("validation", `sandboxIds: ${message}`, [{ field: "sandboxIds", message, code: "custom" }]);
}
