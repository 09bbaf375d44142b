import { readFileSync } from "node:fs";
import { join } from "node:path";
import { errorCode } from "./durable-file.ts";
import type { HostConfig } from "./host-config.ts";
import type { GenerationRecord, TargetedWorkerRecord } from "./host-state.ts";
import type { UnitSpec } from "./runtime.ts";

export const apiUnit = (generation: number) => `g${generation}-api`;
export const workerUnit = (generation: number) => `g${generation}-worker`;
export const targetedUnit = (worker: Pick<TargetedWorkerRecord, "name">) => `targeted-${worker.name}`;

/** The GH api and the GH worker of a generation, with all that they are told. */
export function generationUnits(
  record: GenerationRecord,
  releaseRoot: string,
  config: HostConfig,
): [UnitSpec, UnitSpec] {
  const env = { ...commonEnv(record, releaseRoot, config), GH_WORKER_ID: `gh-${config.sandboxId}` };
  const unit = (name: string, program: "api" | "worker"): UnitSpec => ({
    unit: name,
    program,
    releaseRoot,
    env,
    logPath: logPath(config, name),
  });
  return [unit(apiUnit(record.generation), "api"), unit(workerUnit(record.generation), "worker")];
}

/** A GH worker of its own, registered at the API of `record`'s generation under its own, lasting id. */
export function targetedWorkerUnit(
  worker: TargetedWorkerRecord,
  record: GenerationRecord,
  releaseRoot: string,
  config: HostConfig,
): UnitSpec {
  const unit = targetedUnit(worker);
  const env = {
    ...commonEnv(record, releaseRoot, config),
    GH_WORKER_ID: worker.workerId,
    GH_TARGETED: "1",
    GH_WORKER_PORT: String(worker.port),
    GH_DATA_DIR: join(config.ghDataDir, "targeted", worker.name),
    MAX_CONCURRENT_JOBS: "1",
  };
  return { unit, program: "worker", releaseRoot, env, logPath: logPath(config, unit) };
}

export function logPath(config: HostConfig, unit: string): string {
  return join(config.dataDir, "logs", `${unit}.log`);
}

/** The last lines a unit printed, at most `maxBytes` of them; empty when it never said anything. */
export function tailLog(config: HostConfig, unit: string, lines: number, maxBytes = 64_000): string {
  try {
    const bytes = readFileSync(logPath(config, unit));
    return bytes.subarray(-maxBytes).toString("utf8").trimEnd().split("\n").slice(-lines).join("\n");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return "";
    throw error;
  }
}

/** What a program that ended had to say: its last line that speaks of an error, else its last lines. At most 500 characters. */
export function lastWords(tail: string): string {
  const lines = tail.split("\n").filter((line) => line.trim() !== "");
  const telling = lines.findLast((line) => /^\s*\w*Error\b|"level":(?:50|60)|\bfatal\b|^\w+: /i.test(line));
  return (telling ?? lines.slice(-3).join(" / ")).trim().slice(0, 500) || "nothing";
}

function commonEnv(record: GenerationRecord, releaseRoot: string, config: HostConfig): Record<string, string> {
  return {
    GH_API_HOST: config.host,
    GH_API_PORT: String(record.apiPort),
    GH_WORKER_HOST: config.host,
    GH_WORKER_PORT: String(record.workerPort),
    GH_API_URL: `http://${config.host}:${record.apiPort}`,
    GH_GENERATION: String(record.generation),
    GH_IMAGE_TAG: record.imageTag,
    GH_RELEASE_DIR: releaseRoot,
    GH_DATA_DIR: config.ghDataDir,
    GH_SERVICE_SECRET: config.ghServiceSecret.reveal(),
    MAX_CONCURRENT_JOBS: String(config.capacity),
    GH_ALLOWED_PRIVATE_HOSTS: [...config.allowedPrivateHosts, new URL(config.probeUrl).host].join(","),
    VALET_LEASE_MS: String(config.leaseMs),
    LOG_LEVEL: config.logLevel,
    ...(config.browserPath === undefined ? {} : { GH_BROWSER_PATH: config.browserPath }),
    ...(config.display === undefined ? {} : { DISPLAY: config.display }),
  };
}
