import { routes } from "@valet/contracts";
import { deployHistory, findRelease, getRelease, loadDeployHead, releaseRecord } from "@valet/db";
import { UserError } from "@valet/shared";
import type { FastifyInstance } from "fastify";
import type { ApiContext } from "../context.ts";
import { planNew, planWaiting } from "../deploy-planning.ts";
import { mount } from "../mount.ts";
import { actorOf } from "../principal.ts";
import { historyView } from "../views/history-view.ts";
import { compareView, releaseFactsView } from "../views/compare-view.ts";

/** What a deploy would do, and what past ones did. None of these changes anything. */
export function deployPlanRoutes(app: FastifyInstance, context: ApiContext): void {
  const { db } = context;
  mount(app, routes.planDeploy, async ({ body, principal }) => {
    const actor = actorOf(principal);
    const { deployId, environment, imageTag } = body;
    if (deployId !== undefined) return planWaiting(db, context, { id: deployId, knobs: body.knobs }, actor);
    // The schema asks for both; this is for the compiler.
    if (environment === undefined || imageTag === undefined) throw new Error("a plan of nothing");
    return planNew(db, context, { ...body, environment, imageTag }, actor);
  });

  mount(app, routes.deployHistory, async ({ params, query }) => {
    const row = await loadDeployHead(db, params.id);
    if (!row) throw new UserError("not_found", `There is no deploy ${params.id}.`);
    // One more than asked for says whether there is a next page.
    const rows = await deployHistory(db, params.id, query.after, query.limit + 1);
    return historyView(rows, query.limit);
  });

  mount(app, routes.compareReleases, async ({ query }) => {
    const { service } = query;
    const factsOf = async (what: string) => {
      const found = await findRelease(db, service, what);
      const release = found && (await getRelease(db, found.id));
      if (!release)
        throw new UserError("not_found", `There is no release ${what} of ${service}: give its id, tag or digest.`);
      return releaseFactsView(release, await releaseRecord(db, release));
    };
    return compareView(await factsOf(query.from), await factsOf(query.to));
  });
}
