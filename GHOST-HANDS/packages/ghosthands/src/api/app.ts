import { OpenAPIHono } from "@hono/zod-openapi";
import type { Logger } from "pino";
import { leaseTimes, type Secret } from "@valet/shared";
import { bodyLimit } from "hono/body-limit";
import { HTTPException } from "hono/http-exception";
import type { HostClock } from "../runtime/host-clock.ts";
import { fieldIssues } from "../runtime/fields.ts";
import { addArtifactRoutes } from "./artifact-routes.ts";
import { makeFeedLog } from "./feed-log.ts";
import { addHealthRoute } from "./health-route.ts";
import { makeJobBook } from "./job-book.ts";
import { addJobRoutes } from "./job-routes.ts";
import { addMonitoringRoute } from "./monitoring-route.ts";
import { addRelayRoutes } from "./relay-routes.ts";
import { makeServiceKeyCheck } from "./service-key.ts";
import { addWorkerRoutes } from "./worker-routes.ts";
import { makeWorkerLinks } from "./worker-links.ts";

export interface ApiDeps {
  serviceSecret: Secret;
  dataDir: string;
  generation: number;
  version: string;
  imageDigest: string;
  leaseMs: number;
  bootId: string;
  clock: HostClock;
  logger: Logger;
}

const maxBodyBytes = 32 * 1024 * 1024;

/** The GHOST-HANDS API. It keeps nothing that its workers would not tell it again (design: ARCHITECTURE, four rules). */
export function makeApp(deps: ApiDeps) {
  const { clock } = deps;
  const isServiceKey = makeServiceKeyCheck(deps.serviceSecret);
  const jobs = makeJobBook(() => clock.wallMs());
  const feed = makeFeedLog(() => clock.monoMs());
  const links = makeWorkerLinks({
    jobs,
    feed,
    wallMs: () => clock.wallMs(),
    monoMs: () => clock.monoMs(),
    lostAfterMs: leaseTimes(deps.leaseMs).confirmFreshMs,
  });
  const app = new OpenAPIHono({
    defaultHook: (result, c) => {
      return result.success
        ? undefined
        : c.json({ error: "validation_error", details: fieldIssues(result.error) }, 422);
    },
  });

  app.use(async (c, next) => {
    if (c.req.path !== "/health" && !isServiceKey(c.req.header("x-gh-service-key")))
      return c.json({ error: "unauthorized", message: "X-GH-Service-Key is missing or wrong" }, 401);
    return next();
  });
  app.use(
    bodyLimit({
      maxSize: maxBodyBytes,
      onError: (c) => c.json({ error: "body_too_large", message: `at most ${maxBodyBytes} bytes` }, 413),
    }),
  );
  app.notFound((c) => c.json({ error: "not_found" }, 404));
  app.onError((error, c) => {
    if (error instanceof HTTPException)
      return c.json(
        { error: error.status === 400 ? "malformed_json" : "refused", message: error.message },
        error.status,
      );
    deps.logger.error({ event: "request_failed", path: c.req.path, error: error.message, stack: error.stack });
    return c.json({ error: "internal", message: "the request failed; see this process's log" }, 500);
  });

  addHealthRoute(app, deps);
  addJobRoutes(app, { jobs, links });
  addMonitoringRoute(app, { links, clock });
  addWorkerRoutes(app, { bootId: deps.bootId, jobs, feed, links });
  addRelayRoutes(app, { bootId: deps.bootId, clock, feed, links });
  addArtifactRoutes(app, { dataDir: deps.dataDir });
  app.doc31("/openapi.json", { openapi: "3.1.0", info: { title: "GHOST-HANDS", version: deps.version } });
  return app;
}
