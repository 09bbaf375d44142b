import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { createHash } from "node:crypto";
import { type Database, migrate, openDatabase, startEmbeddedPostgres } from "@valet/db";
import { type LocalRegistry, startRegistry } from "../artefacts/registry.ts";
import { sandboxAddresses } from "./addresses.ts";
import { type LocalKeys, localKeys } from "./keys.ts";
import { endLeftovers } from "./leftovers.ts";
import type { Programs } from "./programs.ts";
import { type LocalSandbox, startSandbox } from "./sandbox.ts";
import { makeSupervisor, type Supervisor } from "./supervisor.ts";
import { waitFor } from "./wait-for.ts";

export interface StackSettings {
  dataDir: string;
  programs: Programs;
  /** 0 takes a free one. */
  apiPort: number;
  sandboxes: number;
  slots: number;
  leaseMs: number;
  environment: "dev" | "staging" | "production";
  /** Use 127.0.0.11 and up when free; else any free block. */
  fixedAddresses: boolean;
  browserPath: string;
  /** Folder with the built dashboard; none: the API serves none. */
  webDir?: string | undefined;
  /** host:port pairs on this machine that tasks may visit. */
  allowedPrivateHosts: string[];
  redisUrl?: string | undefined;
  /** Where the API and the control worker find Postgres, when a test puts a proxy before it. */
  wrapDatabaseUrl?: (url: string, who: "api" | "control") => Promise<string>;
  /** How often supervised processes are restarted, ms. */
  restartMs?: number;
  controlWorkers?: number;
  onProgress?: (line: string) => void;
  /** Ends the start early. */
  signal?: AbortSignal;
}

export interface Stack {
  apiUrl: string;
  databaseUrl: string;
  database: Database;
  keys: LocalKeys;
  registry: LocalRegistry;
  sandboxes: LocalSandbox[];
  supervisor: Supervisor;
  environment: StackSettings["environment"];
  /** Calls the API as admin; throws on anything but 2xx. */
  call<T>(method: string, path: string, body?: unknown): Promise<T>;
  /** Ends every process it started, Postgres last. */
  stop(): Promise<void>;
  restartPostgres(): Promise<void>;
}

/** A whole system on this machine: embedded Postgres, api, control worker, registry, and sandboxes, each part its own process. */
export async function startStack(settings: StackSettings): Promise<Stack> {
  const { dataDir, programs, onProgress = () => undefined } = settings;
  mkdirSync(dataDir, { recursive: true });
  endLeftovers(dataDir);
  const keys = localKeys(dataDir);
  const supervisor = makeSupervisor(dataDir, settings.restartMs);
  const closers: (() => Promise<unknown>)[] = [() => supervisor.stopAll()];
  const stop = async () => {
    for (const close of closers) await close();
  };
  try {
    onProgress("starting Postgres");
    let postgres = await startEmbeddedPostgres({ dataDir: join(dataDir, "postgres") });
    closers.push(() => postgres.stop());
    const databaseUrl = postgres.url;
    const database = openDatabase({ url: databaseUrl, max: 4, applicationName: "valet-local" });
    closers.splice(1, 0, () => database.close());
    await migrate(databaseUrl, { environment: settings.environment });
    await seedAdmin(database, keys);

    settings.signal?.throwIfAborted();
    onProgress("starting the API and the control worker");
    const wrap = settings.wrapDatabaseUrl ?? (async (plain: string) => plain);
    const controlDatabaseUrl = await wrap(databaseUrl, "control");
    const apiUrl = await startApi(settings, supervisor, keys, await wrap(databaseUrl, "api"));
    for (let i = 0; i < (settings.controlWorkers ?? 1); i++) {
      supervisor.start({
        name: i === 0 ? "control" : `control-${i + 1}`,
        args: [programs.worker],
        env: {
          VALET_WORKER_ROLE: "control",
          DATABASE_URL: controlDatabaseUrl,
          VALET_SEAL_KEY: keys.sealKey,
          VALET_LEASE_MS: String(settings.leaseMs),
          VALET_ENVIRONMENT: settings.environment,
          LOG_LEVEL: "info",
        },
      });
    }
    const registry = await startRegistry({ host: "127.0.0.1", port: 0, dir: join(dataDir, "registry") });
    closers.splice(1, 0, () => registry.close());

    onProgress(`starting ${settings.sandboxes} sandboxes`);
    const addresses = await sandboxAddresses(settings.sandboxes, { fixed: settings.fixedAddresses });
    const sandboxes: LocalSandbox[] = [];
    for (const [i, address] of addresses.entries()) {
      settings.signal?.throwIfAborted();
      const name = `sandbox-${i + 1}`;
      const place = { name, dir: join(dataDir, "sandboxes", name), address };
      sandboxes.push(
        await startSandbox(supervisor, programs, place, {
          apiUrl,
          adminToken: keys.adminToken,
          ghServiceSecret: keys.ghServiceSecret,
          registryUrl: registry.url,
          leaseMs: settings.leaseMs,
          slots: settings.slots,
          browserPath: settings.browserPath,
          environment: settings.environment,
          // The agent serves the page that a new generation's synthetic task visits.
          allowedPrivateHosts: [...settings.allowedPrivateHosts, `${address.host}:${address.agentPort}`],
        }),
      );
    }
    return {
      apiUrl,
      databaseUrl,
      database,
      keys,
      registry,
      sandboxes,
      supervisor,
      environment: settings.environment,
      stop,
      call: (method, path, body) => callApi(apiUrl, keys.adminToken, method, path, body),
      async restartPostgres() {
        await postgres.stop();
        postgres = await startEmbeddedPostgres({ dataDir: join(dataDir, "postgres"), port: postgres.port });
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startApi(settings: StackSettings, supervisor: Supervisor, keys: LocalKeys, databaseUrl: string) {
  const port = settings.apiPort;
  const apiUrl = `http://127.0.0.1:${port}`;
  supervisor.start({
    name: "api",
    args: [settings.programs.api],
    env: {
      PORT: String(port),
      HOST: "127.0.0.1",
      DATABASE_URL: databaseUrl,
      VALET_ENVIRONMENT: settings.environment,
      JWT_SECRET: keys.jwtSecret,
      VALET_DEPLOY_WEBHOOK_SECRET: keys.webhookSecret,
      GH_SERVICE_SECRET: keys.ghServiceSecret,
      VALET_SEAL_KEY: keys.sealKey,
      VALET_LEASE_MS: String(settings.leaseMs),
      LOG_LEVEL: "info",
      ...(settings.webDir && existsSync(settings.webDir) ? { VALET_WEB_DIR: settings.webDir } : {}),
      ...(settings.redisUrl ? { REDIS_URL: settings.redisUrl } : {}),
    },
  });
  await waitFor(`the API at ${apiUrl}`, async () => {
    const response = await fetch(`${apiUrl}/api/v1/health`, { signal: AbortSignal.timeout(2_000) });
    return response.ok ? true : undefined;
  });
  return apiUrl;
}

/** The local operator: tenant `local`, an admin token whose hash alone is in the database. */
async function seedAdmin(database: Database, keys: LocalKeys): Promise<void> {
  await database.query(`INSERT INTO tenants (id, name) VALUES ('local', 'Local') ON CONFLICT (id) DO NOTHING`);
  await database.query(
    `INSERT INTO api_tokens (tenant_id, role, name, token_hash) VALUES ('local', 'admin', 'local operator', $1)
     ON CONFLICT (token_hash) DO NOTHING`,
    [createHash("sha256").update(keys.adminToken).digest("hex")],
  );
}

async function callApi<T>(apiUrl: string, token: string, method: string, path: string, body?: unknown): Promise<T> {
  const response = await fetch(apiUrl + path, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    body: body === undefined ? undefined : JSON.stringify(body),
    signal: AbortSignal.timeout(15_000),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text.slice(0, 500)}`);
  return (text === "" ? undefined : JSON.parse(text)) as T;
}
