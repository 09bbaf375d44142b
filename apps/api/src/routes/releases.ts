import { routes } from "@valet/contracts";
import { type ReleaseRow, getRelease, listReleases } from "@valet/db";
import { UserError } from "@valet/shared";
import type { FastifyInstance } from "fastify";
import type { ApiContext } from "../context.ts";
import { mount } from "../mount.ts";
import { pageView } from "../pagination.ts";

export function releaseRoutes(app: FastifyInstance, { db }: ApiContext): void {
  mount(app, routes.listReleases, async ({ query }) => pageView(await listReleases(db, query), query, releaseView));
  mount(app, routes.getRelease, async ({ params }) => {
    const row = await getRelease(db, params.id);
    if (!row) throw new UserError("not_found", `There is no release ${params.id}.`);
    return releaseView(row);
  });
}

function releaseView(row: ReleaseRow) {
  return { ...row, createdAt: row.createdAt.toISOString() };
}
