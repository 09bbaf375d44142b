import type { Server } from "node:http";
import { openHost } from "@valet/rollout/host";
import { systemClock } from "@valet/shared";
import { pino } from "pino";
import { makeApp } from "./app.ts";
import { makeAuthenticator } from "./authenticate.ts";
import { type AgentConfig, readConfig } from "./config.ts";
import { dialOut } from "./dial-out.ts";
import { makeApiFront, makeWorkerFront } from "./fronts.ts";
import { makeSystemFacts } from "./system-facts.ts";
import { makeViews } from "./views.ts";

try {
  await main(readConfig());
} catch (error) {
  process.stderr.write(`agent: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}

async function main(config: AgentConfig): Promise<void> {
  const logger = pino({ level: config.logLevel, base: { program: "agent" } });
  const log = (event: string, fields: Record<string, unknown>) => logger.info({ event, ...fields });
  const open = openHost(config.host, systemClock, log);
  const startedMs = systemClock.monotonicMs();
  const readSystem = makeSystemFacts(config.host.ghDataDir, config.host.host);
  const views = makeViews(
    open,
    readSystem,
    config.version,
    () => systemClock.monotonicMs() - startedMs,
    config.generationMemoryMb,
  );
  const authenticator = makeAuthenticator(config.key, () => systemClock.now());
  const deps = { open, views, authenticator, now: () => systemClock.now(), log };
  const app = makeApp(deps);
  const fronts = [makeApiFront(open.host.generations), makeWorkerFront(open.host.generations)] as const;

  // The ports first: when they are taken, another agent lives here and its generations are not ours to touch.
  await listen(app, config.listenHost, config.port);
  await listen(fronts[0], config.host.host, config.frontApiPort);
  await listen(fronts[1], config.host.host, config.frontWorkerPort);
  open.run();
  log("agent_started", { host: config.listenHost, port: config.port, sandboxId: config.host.sandboxId });

  const ending = new AbortController();
  if (config.api) void dialOut(deps, config.api, { clock: systemClock, random: Math.random, signal: ending.signal });

  let isEnding = false;
  const end = (signal: string) => {
    if (isEnding) return;
    isEnding = true;
    ending.abort(new Error("the agent ends"));
    log("agent_ending", { signal, generations: config.onExit });
    for (const server of [app, ...fronts]) server.close(() => undefined);
    open
      .close(config.onExit === "end")
      .catch((error: unknown) => logger.error({ event: "end_failed", error: String(error) }))
      .finally(() => process.exit(0));
  };
  process.on("SIGTERM", () => end("SIGTERM"));
  process.on("SIGINT", () => end("SIGINT"));
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const taken = error.code === "EADDRINUSE" ? "is taken: is another agent running here?" : error.message;
      reject(new Error(`${host}:${port} ${taken}`));
    });
    server.listen({ host, port }, resolve);
  });
}
