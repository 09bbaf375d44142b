import fastifyJwt from "@fastify/jwt";
import helmet from "@fastify/helmet";
import type { Database } from "@valet/db";
import { type Clock, leaseTimes, systemClock } from "@valet/shared";
import fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from "fastify";
import type { Logger } from "pino";
import { makeAssignmentBoard } from "./assignment-board.ts";
import { installAuthentication, makeTokens } from "./authenticate.ts";
import type { ApiConfig } from "./config.ts";
import { makeBeats } from "./beats.ts";
import { installClosing } from "./closing.ts";
import { installContentTypes } from "./content-types.ts";
import type { ApiContext } from "./context.ts";
import { installCors } from "./cors.ts";
import { installDashboard } from "./dashboard.ts";
import { installErrorTranslator } from "./error-translator.ts";
import { makeLiveHub } from "./live/hub.ts";
import { installLiveSocket } from "./live/socket.ts";
import { installRequestLog, makeLogger } from "./logging.ts";
import { makeNotifications } from "./notifications.ts";
import { installOpenApi } from "./openapi.ts";
import { installRateLimit } from "./rate-limit.ts";
import { makeAutoDeploy } from "./redis/auto-deploy.ts";
import { makeRelayBoard } from "./relay-board.ts";
import { makeRedisConnection } from "./redis/connection.ts";
import { startRedisMirrors } from "./redis/mirrors.ts";
import { agentRelayRoutes } from "./routes/agent-relay.ts";
import { authRoutes } from "./routes/auth.ts";
import { deployActionRoutes } from "./routes/deploy-actions.ts";
import { deployPlanRoutes } from "./routes/deploy-plan.ts";
import { deployRollbackRoutes } from "./routes/deploy-rollback.ts";
import { deployRoutes } from "./routes/deploys.ts";
import { directDeployRoutes } from "./routes/direct-deploys.ts";
import { healthRoutes } from "./routes/health.ts";
import { releaseRoutes } from "./routes/releases.ts";
import { rolloutConfigRoutes } from "./routes/rollout-config.ts";
import { sandboxRoutes } from "./routes/sandboxes.ts";
import { sessionRoutes } from "./routes/session.ts";
import { taskEventRoutes } from "./routes/task-events.ts";
import { taskRoutes } from "./routes/tasks.ts";
import { deployWebhookRoutes } from "./routes/webhook-deploy.ts";
import { taskWebhookRoutes } from "./routes/webhook-task.ts";
import { installValidation } from "./validation.ts";

export interface ApiDeps {
  db: Database;
  config: ApiConfig;
  clock?: Clock;
  logger?: Logger;
}

const bodyLimitBytes = 1_048_576;
const requestTimeoutMs = 60_000;

/**
 * The whole API over an open, migrated database, not listening yet: `listen` or `inject` it. `close()` ends long-polls, streams and
 * sockets (1001) first; the database stays the caller's.
 */
export async function buildApp({ db, config, clock = systemClock, logger }: ApiDeps): Promise<FastifyInstance> {
  const log = logger ?? makeLogger(config.LOG_LEVEL);
  const loggerInstance: FastifyBaseLogger = log;
  const app: FastifyInstance = fastify({
    loggerInstance,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: bodyLimitBytes,
    requestTimeout: requestTimeoutMs,
    forceCloseConnections: "idle",
    routerOptions: { maxParamLength: 300 },
    trustProxy: config.VALET_TRUSTED_PROXIES?.split(",").map((address) => address.trim()) ?? false,
    genReqId: () => `req-${crypto.randomUUID()}`,
  });
  const stopping = new AbortController();
  const notifications = makeNotifications(db, log);
  const hub = makeLiveHub(db, notifications, log);
  const board = makeAssignmentBoard(db, notifications, log);
  const relayBoard = makeRelayBoard(db, notifications, log);
  const redis = config.REDIS_URL ? makeRedisConnection(config.REDIS_URL, log) : null;
  const context: ApiContext = {
    db,
    config,
    clock,
    times: leaseTimes(config.VALET_LEASE_MS),
    hub,
    board,
    relayBoard,
    redis,
    autoDeploy: makeAutoDeploy(db, redis, log),
    stopping: stopping.signal,
  };

  installClosing(app);
  installRequestLog(app);
  installErrorTranslator(app);
  installCors(app, config.VALET_WEB_ORIGINS);
  installValidation(app);
  installContentTypes(app);
  await app.register(helmet, {
    contentSecurityPolicy: { directives: contentPolicy },
    hsts: config.HOST !== "127.0.0.1",
  });
  await app.register(fastifyJwt, { secret: config.JWT_SECRET.reveal(), verify: { algorithms: ["HS256"] } });
  await installRateLimit(app, config.VALET_RATE_LIMIT_PER_MINUTE);
  const tokens = makeTokens(app, db, clock);
  installAuthentication(app, tokens);
  await installOpenApi(app, config.VALET_VERSION);
  await app.register(async (scope) => mountAll(scope, context));
  await installLiveSocket(app, tokens, hub);
  if (config.VALET_WEB_DIR) await installDashboard(app, config.VALET_WEB_DIR);

  const beats = makeBeats(context, log);
  const mirrors = redis ? startRedisMirrors(context, redis, log) : null;
  app.addHook("onReady", async () => {
    await notifications.start();
    await hub.start();
    board.start();
    relayBoard.start();
    beats.start();
  });
  app.addHook("preClose", async () => {
    stopping.abort(new Error("the API is shutting down"));
    board.stop();
    relayBoard.stop();
    beats.stop();
  });
  app.addHook("onClose", async () => {
    await mirrors?.stop();
    await hub.stop();
    await notifications.stop();
    redis?.close();
  });
  return app;
}

/** The dashboard loads its own files only; it opens a WebSocket to its own host, and shows screenshots from it. */
const contentPolicy = {
  defaultSrc: ["'self'"],
  connectSrc: ["'self'", "ws:", "wss:"],
  imgSrc: ["'self'", "data:", "blob:"],
  styleSrc: ["'self'", "'unsafe-inline'"],
  scriptSrc: ["'self'"],
  objectSrc: ["'none'"],
  frameAncestors: ["'none'"],
  upgradeInsecureRequests: null,
};

async function mountAll(scope: FastifyInstance, context: ApiContext): Promise<void> {
  healthRoutes(scope, context);
  authRoutes(scope, context);
  releaseRoutes(scope, context);
  deployPlanRoutes(scope, context);
  deployRoutes(scope, context);
  deployActionRoutes(scope, context);
  deployRollbackRoutes(scope, context);
  rolloutConfigRoutes(scope, context);
  directDeployRoutes(scope, context);
  taskRoutes(scope, context);
  taskEventRoutes(scope, context);
  for (const encapsulated of [sandboxRoutes, sessionRoutes, agentRelayRoutes, deployWebhookRoutes, taskWebhookRoutes])
    await scope.register(async (inner) => encapsulated(inner, context));
}
