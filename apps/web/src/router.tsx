import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
  redirect,
  type RouterHistory,
} from "@tanstack/react-router";
import {
  compareSearchSchema,
  deploySearchSchema,
  deployTabSchema,
  fleetSearchSchema,
  loginSearchSchema,
  rolloutSearchSchema,
  taskSearchSchema,
} from "./page-search.ts";
import { CrashPage, MissingPage } from "./shell/fallback-pages.tsx";
import { Shell } from "./shell/shell.tsx";

const rootRoute = createRootRoute({ component: Outlet, notFoundComponent: MissingPage, errorComponent: CrashPage });
const loginRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/login",
  validateSearch: (search) => loginSearchSchema.parse(search),
  component: lazyRouteComponent(() => import("./login/login-page.tsx"), "LoginPage"),
});
const shellRoute = createRoute({ getParentRoute: () => rootRoute, id: "shell", component: Shell });
const indexRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/",
  beforeLoad: () => {
    throw redirect({ to: "/fleet" });
  },
});
const fleetRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/fleet",
  validateSearch: (search) => fleetSearchSchema.parse(search),
  component: lazyRouteComponent(() => import("./fleet/fleet-page.tsx"), "FleetPage"),
});
const deploysRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/deploys",
  validateSearch: (search) => deploySearchSchema.parse(search),
  component: lazyRouteComponent(() => import("./deploys/deploys-page.tsx"), "DeploysPage"),
});
const deployRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/deploys/$deployId",
  validateSearch: (search) => deployTabSchema.parse(search),
  component: lazyRouteComponent(() => import("./deploys/deploy-page.tsx"), "DeployPage"),
});
const compareRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/releases/compare",
  validateSearch: (search) => compareSearchSchema.parse(search),
  component: lazyRouteComponent(() => import("./releases/compare-page.tsx"), "ComparePage"),
});
const rolloutRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/rollout",
  validateSearch: (search) => rolloutSearchSchema.parse(search),
  component: lazyRouteComponent(() => import("./rollout/rollout-page.tsx"), "RolloutPage"),
});
const tasksRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/tasks",
  validateSearch: (search) => taskSearchSchema.parse(search),
  component: lazyRouteComponent(() => import("./tasks/tasks-page.tsx"), "TasksPage"),
});
const taskRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: "/tasks/$taskId",
  component: lazyRouteComponent(() => import("./tasks/task-page.tsx"), "TaskPage"),
});

const routeTree = rootRoute.addChildren([
  loginRoute,
  shellRoute.addChildren([
    indexRoute,
    fleetRoute,
    deploysRoute,
    deployRoute,
    compareRoute,
    rolloutRoute,
    tasksRoute,
    taskRoute,
  ]),
]);

/** The pages, each its own chunk. Tests pass a memory history. */
export function makeAppRouter(options: { history?: RouterHistory } = {}) {
  return createRouter({ routeTree, defaultPreload: "intent", scrollRestoration: true, ...options });
}

declare module "@tanstack/react-router" {
  interface Register {
    router: ReturnType<typeof makeAppRouter>;
  }
}
