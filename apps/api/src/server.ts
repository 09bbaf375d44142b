import { type Database, databaseEnvironment, openDatabase } from "@valet/db";
import type { Environment } from "@valet/shared";
import { buildApp } from "./app.ts";
import { readConfig } from "./config.ts";
import { makeLogger } from "./logging.ts";

const shutdownDeadlineMs = 10_000;

/** The API process: reads its configuration, serves until SIGTERM or SIGINT, and ends within ten seconds of it. */
async function main(): Promise<void> {
  const config = readConfig();
  const logger = makeLogger(config.LOG_LEVEL);
  const db = openDatabase({
    url: config.DATABASE_URL,
    ...(config.DATABASE_DIRECT_URL ? { directUrl: config.DATABASE_DIRECT_URL } : {}),
    max: config.VALET_DATABASE_CONNECTIONS,
    applicationName: "valet-api",
    onError: (error) =>
      logger.warn({ event: "database_connection", err: error.message }, "a database connection broke"),
  });
  await assertOwnDatabase(db, config.VALET_ENVIRONMENT);
  const app = await buildApp({ db, config, logger });
  let isStopping = false;
  const stop = (signal: string) => {
    if (isStopping) return;
    isStopping = true;
    logger.info({ event: "stopping", signal }, "stopping");
    setTimeout(() => {
      logger.error({ event: "stop_deadline" }, "did not stop in time; leaving");
      process.exit(1);
    }, shutdownDeadlineMs).unref();
    app
      .close()
      .then(() => db.close())
      .then(() => process.exit(0))
      .catch((cause: unknown) => {
        logger.error({ event: "stop_failed", err: cause }, "could not stop cleanly");
        process.exit(1);
      });
  };
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
  const address = await app.listen({ host: config.HOST, port: config.PORT });
  logger.info({ event: "listening", address, version: config.VALET_VERSION }, "listening");
}

main().catch((cause: unknown) => {
  process.stderr.write(`${startFailure(cause)}\n`);
  process.exit(1);
});

/** One database an environment: the API of staging never serves from the database of production. */
async function assertOwnDatabase(db: Database, wanted: Environment): Promise<void> {
  const found = await databaseEnvironment(db);
  if (found !== wanted)
    throw new Error(
      `the database belongs to ${found ?? "no environment"}, VALET_ENVIRONMENT is ${wanted}: correct DATABASE_URL or VALET_ENVIRONMENT`,
    );
}

/** One line that says what to do. */
function startFailure(cause: unknown): string {
  const code = cause instanceof Error ? (cause as NodeJS.ErrnoException).code : undefined;
  if (code === "EADDRINUSE")
    return `valet-api: the port is taken: ${(cause as Error).message}. Set PORT to another one.`;
  if (code === "42P01") return "valet-api: the database has no schema yet; run pnpm db:migrate first.";
  if (code === "ECONNREFUSED") return "valet-api: no database at DATABASE_URL; start Postgres or correct the address.";
  return `valet-api: ${cause instanceof Error ? cause.message : String(cause)}`;
}
