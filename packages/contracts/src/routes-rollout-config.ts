import { z } from "zod";
import { environmentSchema } from "./common.ts";
import {
  rolloutConfigCheckSchema,
  rolloutConfigCheckedSchema,
  rolloutConfigPutSchema,
  rolloutConfigViewSchema,
} from "./rollout-config.ts";
import { admins, defineRoutes, operators, readers } from "./route.ts";

const params = z.object({ environment: environmentSchema });
const tag = "rollout config";

export const rolloutConfigRoutes = defineRoutes({
  getRolloutConfig: {
    method: "GET",
    path: "/api/v1/admin/rollout-config/:environment",
    summary: "An environment's rollout.yml: strategy, knobs, approvals and freezes of its deploys",
    tag,
    access: readers,
    params,
    response: rolloutConfigViewSchema,
  },
  putRolloutConfig: {
    method: "PUT",
    path: "/api/v1/admin/rollout-config/:environment",
    summary:
      "Store a new version of an environment's rollout.yml; deploys created from now on go by it, freezes hold at once",
    tag,
    access: admins,
    params,
    body: rolloutConfigPutSchema,
    response: rolloutConfigViewSchema,
  },
  checkRolloutConfig: {
    method: "POST",
    path: "/api/v1/admin/rollout-config/:environment/validate",
    summary: "Check a rollout.yml against this environment; nothing is stored",
    tag,
    access: operators,
    params,
    body: rolloutConfigCheckSchema,
    response: rolloutConfigCheckedSchema,
  },
});
