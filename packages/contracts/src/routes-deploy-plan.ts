import { z } from "zod";
import { idSchema } from "./common.ts";
import {
  deployHistoryQuerySchema,
  deployHistorySchema,
  releaseCompareQuerySchema,
  releaseCompareSchema,
} from "./deploy-history.ts";
import { deployPlanRequestSchema, deployPlanSchema } from "./deploy-plan.ts";
import { defineRoutes, operators, readers } from "./route.ts";

/** What a deploy would do, and what past ones did. */
export const deployPlanRoutes = defineRoutes({
  planDeploy: {
    method: "POST",
    path: "/api/v1/admin/deploys/plan",
    summary:
      "Say what a deploy would do, to which host, in what order and time, and what stands in its way; changes nothing",
    tag: "deploys",
    access: operators,
    body: deployPlanRequestSchema,
    response: deployPlanSchema,
  },
  deployHistory: {
    method: "GET",
    path: "/api/v1/admin/deploys/:id/history",
    summary: "Every decision of a deploy with what was seen before it, who caused it and when",
    tag: "deploys",
    access: readers,
    params: z.object({ id: idSchema }),
    query: deployHistoryQuerySchema,
    response: deployHistorySchema,
  },
  compareReleases: {
    method: "GET",
    path: "/api/v1/admin/releases/compare",
    summary: "Two releases side by side: clocks, capacity, tasks lost, failure rate and durations",
    tag: "releases",
    access: readers,
    query: releaseCompareQuerySchema,
    response: releaseCompareSchema,
  },
});
