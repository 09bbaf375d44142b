import { Secret } from "@valet/shared";
import { z } from "zod";
import { parseEnvironment } from "../runtime/environment.ts";

const schema = z.object({
  /** Address of the status server; only loopback makes sense: the agent fronts it. */
  GH_WORKER_HOST: z.string().default("127.0.0.1"),
  /** Port of the status server. */
  GH_WORKER_PORT: z.coerce.number().int().min(0).max(65_535).default(3101),
  /** Where the GHOST-HANDS api of this generation listens. */
  GH_API_URL: z.url().default("http://127.0.0.1:3100"),
  /** Name of this worker; the same after every restart. */
  GH_WORKER_ID: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,64}$/)
    .optional(),
  /** 1: a targeted worker, which takes only jobs that name it. */
  GH_TARGETED: z.enum(["0", "1"]).default("0"),
  /** Number of the generation this process belongs to. */
  GH_GENERATION: z.coerce.number().int().min(0).default(1),
  /** Tag this release was installed under. */
  GH_IMAGE_TAG: z.string().default("dev"),
  /** Folder with manifest.json, config.json and root/; absent in development. */
  GH_RELEASE_DIR: z.string().optional(),
  /** Profiles, spool, artifacts, leases. */
  GH_DATA_DIR: z.string().default("/opt/ghosthands/data"),
  /** Shared secret of X-GH-Service-Key. */
  GH_SERVICE_SECRET: z.string().min(1),
  /** Slots; one more browser may exist, the spare. */
  MAX_CONCURRENT_JOBS: z.coerce.number().int().min(1).max(64).default(2),
  /** The Chromium to start. */
  GH_BROWSER_PATH: z.string().default("/usr/bin/chromium"),
  /** Private hosts that pages may reach all the same: a comma list of host or host:port. */
  GH_ALLOWED_PRIVATE_HOSTS: z.string().default(""),
  /** The lease all times derive from, ms; a job's own lease goes first. */
  VALET_LEASE_MS: z.coerce.number().int().min(100).default(300_000),
  /** X display; without one the browser runs headless. */
  DISPLAY: z.string().optional(),
  /** pino's level. */
  LOG_LEVEL: z.string().default("info"),
});

export interface WorkerConfig {
  host: string;
  port: number;
  apiUrl: string;
  workerId: string;
  isTargeted: boolean;
  generation: number;
  imageTag: string;
  releaseDir: string | undefined;
  dataDir: string;
  serviceSecret: Secret;
  capacity: number;
  browserPath: string;
  allowedPrivateHosts: string[];
  leaseMs: number;
  display: string | undefined;
  /** All of our environment that a browser gets: strangers' pages run in it, and our secrets are none of its business. */
  browserEnv: Record<string, string>;
  logLevel: string;
}

export function readWorkerConfig(env: Record<string, string | undefined> = process.env): WorkerConfig {
  const parsed = parseEnvironment(schema, env);
  return {
    host: parsed.GH_WORKER_HOST,
    port: parsed.GH_WORKER_PORT,
    apiUrl: parsed.GH_API_URL.replace(/\/$/, ""),
    // Never a random name: whoever addresses this worker must still find it after a restart.
    workerId: parsed.GH_WORKER_ID ?? `gh-worker-g${parsed.GH_GENERATION}`,
    isTargeted: parsed.GH_TARGETED === "1",
    generation: parsed.GH_GENERATION,
    imageTag: parsed.GH_IMAGE_TAG,
    releaseDir: parsed.GH_RELEASE_DIR,
    dataDir: parsed.GH_DATA_DIR,
    serviceSecret: new Secret(parsed.GH_SERVICE_SECRET),
    capacity: parsed.MAX_CONCURRENT_JOBS,
    browserPath: parsed.GH_BROWSER_PATH,
    allowedPrivateHosts: parsed.GH_ALLOWED_PRIVATE_HOSTS.split(",")
      .map((host) => host.trim().toLowerCase())
      .filter((host) => host !== ""),
    leaseMs: parsed.VALET_LEASE_MS,
    display: parsed.DISPLAY,
    browserEnv: forBrowsers(env),
    logLevel: parsed.LOG_LEVEL,
  };
}

function forBrowsers(env: Record<string, string | undefined>): Record<string, string> {
  const names = ["PATH", "HOME", "LANG", "TZ", "DISPLAY", "XAUTHORITY"];
  return Object.fromEntries(names.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])));
}
