import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { SandboxAddress } from "./addresses.ts";
import type { Programs } from "./programs.ts";
import type { Supervisor } from "./supervisor.ts";
import { waitFor } from "./wait-for.ts";

const identitySchema = z.object({ sandboxId: z.string(), token: z.string(), agentKey: z.string(), name: z.string() });
export type SandboxIdentity = z.infer<typeof identitySchema>;

export interface LocalSandbox extends SandboxIdentity {
  address: SandboxAddress;
  dir: string;
  /** Where its GH processes keep profiles, spool and lease files. */
  ghDataDir: string;
  agentProcess: string;
  workerProcess: string;
}

export interface SandboxSettings {
  apiUrl: string;
  adminToken: string;
  ghServiceSecret: string;
  registryUrl: string;
  leaseMs: number;
  slots: number;
  browserPath: string;
  allowedPrivateHosts: string[];
  environment: string;
}

/** Registers a sandbox at the API once (its identity is kept in its folder), then starts its agent and its sandbox worker. */
export async function startSandbox(
  supervisor: Supervisor,
  programs: Programs,
  place: { name: string; dir: string; address: SandboxAddress },
  settings: SandboxSettings,
): Promise<LocalSandbox> {
  mkdirSync(place.dir, { recursive: true });
  const identity = await identityOf(place, settings);
  const ghDataDir = join(place.dir, "ghosthands");
  mkdirSync(ghDataDir, { recursive: true });
  const agentUrl = `http://${place.address.host}:${place.address.agentPort}`;
  const agentProcess = `${place.name}-agent`;
  const workerProcess = `${place.name}-worker`;
  supervisor.start({
    name: agentProcess,
    args: [programs.agent],
    env: {
      VALET_AGENT_HOST: place.address.host,
      VALET_AGENT_PORT: String(place.address.agentPort),
      VALET_FRONT_API_PORT: String(place.address.frontApiPort),
      VALET_FRONT_WORKER_PORT: String(place.address.frontWorkerPort),
      VALET_SANDBOX_ID: identity.sandboxId,
      VALET_AGENT_KEY: identity.agentKey,
      VALET_API_URL: settings.apiUrl,
      VALET_SANDBOX_TOKEN: identity.token,
      VALET_AGENT_DATA_DIR: join(place.dir, "agent"),
      VALET_RUNTIME: "process",
      VALET_REGISTRY_URL: settings.registryUrl,
      VALET_RELEASE_REPOSITORY: "ghosthands",
      VALET_CAPACITY: String(settings.slots),
      VALET_BROWSER_PATH: settings.browserPath,
      VALET_LEASE_MS: String(settings.leaseMs),
      // On one machine the fleet ends with the command that started it.
      VALET_AGENT_ON_EXIT: "end",
      VALET_STOP_GRACE_MS: "5000",
      GH_DATA_DIR: ghDataDir,
      GH_SERVICE_SECRET: settings.ghServiceSecret,
      GH_ALLOWED_PRIVATE_HOSTS: settings.allowedPrivateHosts.join(","),
      LOG_LEVEL: "info",
    },
    stopMs: 20_000,
  });
  supervisor.start({
    name: workerProcess,
    args: [programs.worker],
    env: {
      VALET_WORKER_ROLE: "sandbox",
      VALET_API_URL: settings.apiUrl,
      VALET_SANDBOX_ID: identity.sandboxId,
      VALET_SANDBOX_TOKEN: identity.token,
      VALET_AGENT_URL: agentUrl,
      GH_SERVICE_SECRET: settings.ghServiceSecret,
      LOG_LEVEL: "info",
    },
  });
  await waitFor(`the agent of ${place.name} at ${agentUrl}`, async () => {
    const response = await fetch(`${agentUrl}/health`, { signal: AbortSignal.timeout(2_000) });
    return response.ok ? true : undefined;
  });
  await activate(identity, settings);
  return { ...identity, address: place.address, dir: place.dir, ghDataDir, agentProcess, workerProcess };
}

async function identityOf(
  place: { name: string; dir: string; address: SandboxAddress },
  settings: SandboxSettings,
): Promise<SandboxIdentity> {
  const file = join(place.dir, "identity.json");
  const address = { publicIp: place.address.host };
  if (existsSync(file)) {
    const identity = identitySchema.parse(JSON.parse(readFileSync(file, "utf8")));
    // The data folder may have been started with other addresses before.
    await call(settings, "PATCH", `/api/v1/admin/sandboxes/${identity.sandboxId}`, address);
    return identity;
  }
  const created = await call(settings, "POST", "/api/v1/admin/sandboxes", {
    ...address,
    name: place.name,
    environment: settings.environment,
    instanceId: `local-${place.name}`,
    instanceType: "local",
    browserEngine: "chromium",
    capacity: settings.slots,
    agentPort: place.address.agentPort,
  });
  const identity = { ...identitySchema.omit({ name: true }).parse(created.identity), name: place.name };
  writeFileSync(file, JSON.stringify(identity), { mode: 0o600 });
  return identity;
}

async function activate(identity: SandboxIdentity, settings: SandboxSettings): Promise<void> {
  const path = `/api/v1/admin/sandboxes/${identity.sandboxId}`;
  const sandbox = await call(settings, "GET", path);
  if (sandbox.state === "provisioning") {
    await call(settings, "PATCH", path, { status: "active", reason: "its agent answers" });
  }
}

async function call(
  settings: SandboxSettings,
  method: string,
  path: string,
  body?: unknown,
): Promise<Record<string, unknown>> {
  const response = await fetch(settings.apiUrl + path, {
    method,
    headers: {
      authorization: `Bearer ${settings.adminToken}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    body: body === undefined ? undefined : JSON.stringify(body),
    signal: AbortSignal.timeout(10_000),
  });
  const answer = (await response.json()) as Record<string, unknown>;
  if (!response.ok && response.status !== 409) {
    throw new Error(`${method} ${path} answered ${response.status}: ${JSON.stringify(answer)}`);
  }
  return answer;
}
