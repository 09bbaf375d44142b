import { randomUUID } from "node:crypto";
import { fileURLToPath } from "node:url";
import { pino } from "pino";
import { ownDigest } from "../runtime/digest.ts";
import { makeHostClock } from "../runtime/host-clock.ts";
import { listen, listenFailure } from "../runtime/listen.ts";
import { programVersion } from "../runtime/version.ts";
import { makeApp } from "./app.ts";
import { readApiConfig } from "./config.ts";

async function main(): Promise<void> {
  const config = readApiConfig();
  const logger = pino({ level: config.logLevel, base: { service: "gh-api", generation: config.generation } });
  const imageDigest = await ownDigest(config.releaseDir, fileURLToPath(import.meta.url));
  const app = makeApp({
    ...config,
    version: programVersion(config.imageTag),
    imageDigest,
    bootId: randomUUID(),
    clock: makeHostClock(),
    logger,
  });
  const listening = await listen(app.fetch, config).catch((error: unknown) => {
    throw new Error(listenFailure(error, "the GHOST-HANDS api", config));
  });
  logger.info({ event: "api_listening", host: config.host, port: listening.port, imageDigest });

  const stop = (signal: string) => {
    logger.info({ event: "api_stopping", signal });
    // Soft state only: nothing to save, nothing to wait for.
    void listening.close().then(() => process.exit(0));
    setTimeout(() => process.exit(0), 500).unref();
  };
  process.on("SIGTERM", () => stop("SIGTERM"));
  process.on("SIGINT", () => stop("SIGINT"));
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});
