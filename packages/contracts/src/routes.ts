import { agentRelayRoutes } from "./routes-agent-relay.ts";
import { authRoutes } from "./routes-auth.ts";
import { deployPlanRoutes } from "./routes-deploy-plan.ts";
import { deployRoutes } from "./routes-deploys.ts";
import { directRoutes } from "./routes-direct.ts";
import { rolloutConfigRoutes } from "./routes-rollout-config.ts";
import { sandboxRoutes } from "./routes-sandboxes.ts";
import { sessionRoutes } from "./routes-session.ts";
import { taskRoutes } from "./routes-tasks.ts";
import { webhookRoutes } from "./routes-webhooks.ts";

/** The route table of the VALET API: server, OpenAPI and client are all made from it. */
export const routes = {
  ...authRoutes,
  ...sandboxRoutes,
  ...deployPlanRoutes,
  ...deployRoutes,
  ...rolloutConfigRoutes,
  ...taskRoutes,
  ...sessionRoutes,
  ...agentRelayRoutes,
  ...directRoutes,
  ...webhookRoutes,
};
export type Routes = typeof routes;
export type RouteName = keyof Routes;
