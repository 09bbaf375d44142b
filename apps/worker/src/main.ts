import { randomUUID } from "node:crypto";
import { type WorkerConfig, readConfig } from "./config.ts";
import { makeLog, messageOf } from "./log.ts";

/** One program, two roles: the control worker decides, the sandbox worker is a host's link to the control plane. */
async function main(): Promise<void> {
  const config = configOrExit();
  const log = makeLog(config.LOG_LEVEL, fieldsOf(config));
  const stop = new AbortController();
  const hardStopMs = 10_000;
  const onSignal = (name: string) => {
    log.info({ event: "worker_stopping", signal: name });
    setTimeout(() => {
      log.error({ event: "worker_stop_forced", afterMs: hardStopMs });
      process.exit(1);
    }, hardStopMs).unref();
    stop.abort();
  };
  process.once("SIGTERM", () => onSignal("SIGTERM"));
  process.once("SIGINT", () => onSignal("SIGINT"));
  log.info({ event: "worker_started", pid: process.pid, version: config.VALET_VERSION });
  try {
    await runRole(config, log, stop.signal);
    log.info({ event: "worker_stopped" });
    process.exit(0);
  } catch (error) {
    log.error({ event: "worker_failed", reason: messageOf(error) });
    process.exit(1);
  }
}

/** Loads only its own role: a host without a database does not load a database driver. */
async function runRole(config: WorkerConfig, log: ReturnType<typeof makeLog>, signal: AbortSignal): Promise<void> {
  if (config.role === "control") {
    const { runControlWorker } = await import("./control/control-worker.ts");
    return runControlWorker({
      config,
      log,
      signal,
      id: config.VALET_CONTROL_ID ?? `control-${randomUUID().slice(0, 8)}`,
    });
  }
  const { runSandboxWorker } = await import("./sandbox/sandbox-worker.ts");
  const { hostClock } = await import("./sandbox/host-clock.ts");
  return runSandboxWorker({ config, log, signal, clock: hostClock, random: Math.random, bootId: randomUUID() });
}

function fieldsOf(config: WorkerConfig): Record<string, unknown> {
  return config.role === "control"
    ? { program: "control-worker" }
    : { program: "sandbox-worker", sandboxId: config.VALET_SANDBOX_ID };
}

function configOrExit(): WorkerConfig {
  try {
    return readConfig();
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n`);
    process.exit(2);
  }
}

await main();
