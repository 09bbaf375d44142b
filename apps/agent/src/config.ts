import type { HostConfig } from "@valet/rollout/host";
import { Secret } from "@valet/shared";
import { z } from "zod";

const schema = z.object({
  /** Address the agent listens on. A loopback address of its own makes that the generations' address too. */
  VALET_AGENT_HOST: z.string().default("0.0.0.0"),
  /** Port of the agent. */
  VALET_AGENT_PORT: z.coerce.number().int().min(0).max(65_535).default(8000),
  /** Id of this sandbox. */
  VALET_SANDBOX_ID: z.string().regex(/^[A-Za-z0-9-]{1,60}$/, "1 to 60 letters, digits or -"),
  /** Key that signs commands to this sandbox and its answers; of this sandbox alone. */
  VALET_AGENT_KEY: z.string().min(16),
  /** The API this host dials out to, so that commands reach it although nobody can reach its port; none: it does not. */
  VALET_API_URL: z
    .url()
    .transform((value) => value.replace(/\/$/, ""))
    .optional(),
  /** This sandbox's own token at that API; without it the agent does not dial out. */
  VALET_SANDBOX_TOKEN: z.string().min(1).optional(),
  /** Epoch ledger, generations.json, releases, pid files, logs. */
  VALET_AGENT_DATA_DIR: z.string().default("/opt/valet/agent"),
  /** How generations run. */
  VALET_RUNTIME: z.enum(["process"], "this build runs generations as processes: set process").default("process"),
  /** Registry that releases are pulled from. */
  VALET_REGISTRY_URL: z.url(),
  /** Repository in that registry. */
  VALET_RELEASE_REPOSITORY: z
    .string()
    .regex(/^[a-z0-9._/-]+$/)
    .default("ghosthands"),
  /** Profiles, spool, leases and artifacts of the GH processes. */
  GH_DATA_DIR: z.string().default("/opt/ghosthands/data"),
  /** Shared secret of the GH processes and those who call them. */
  GH_SERVICE_SECRET: z.string().min(1),
  /** Private hosts that pages may reach all the same: comma list of host or host:port. */
  GH_ALLOWED_PRIVATE_HOSTS: z.string().default(""),
  /** Port of the front of the GH apis. */
  VALET_FRONT_API_PORT: z.coerce.number().int().min(0).max(65_535).default(3100),
  /** Port of the front of the GH workers. */
  VALET_FRONT_WORKER_PORT: z.coerce.number().int().min(0).max(65_535).default(3101),
  /** Slots of this sandbox. */
  VALET_CAPACITY: z.coerce.number().int().min(1).max(64).default(2),
  /** Memory that a second generation needs before it is started beside the first, MB; 0: never refuse. */
  VALET_GENERATION_MEMORY_MB: z.coerce.number().int().min(0).max(1_000_000).default(600),
  /** The Chromium that GH workers start; their own default when absent. */
  VALET_BROWSER_PATH: z.string().optional(),
  /** The lease all task times derive from, ms. */
  VALET_LEASE_MS: z.coerce.number().int().min(100).default(300_000),
  /** SIGTERM to SIGKILL of a generation's processes, ms. */
  VALET_STOP_GRACE_MS: z.coerce.number().int().min(0).max(600_000).default(35_000),
  /** What becomes of the generations when the agent is asked to end: `leave` (they run on and are adopted) or `end`. */
  VALET_AGENT_ON_EXIT: z.enum(["leave", "end"]).default("leave"),
  /** X display for the browsers. */
  DISPLAY: z.string().optional(),
  /** pino's level. */
  LOG_LEVEL: z.string().default("info"),
  /** Version of the installed agent, where a package says so. */
  VALET_VERSION: z.string().default("0.1.0"),
});

export interface AgentConfig {
  listenHost: string;
  port: number;
  key: Secret;
  /** Where to dial out to; null: nowhere. */
  api: { url: string; token: Secret } | null;
  frontApiPort: number;
  frontWorkerPort: number;
  onExit: "leave" | "end";
  /** What a second generation needs; 0: nobody asks. */
  generationMemoryMb: number;
  logLevel: string;
  version: string;
  host: HostConfig;
}

/** Reads the environment once; throws one sentence that names each bad variable. */
export function readConfig(env: Record<string, string | undefined> = process.env): AgentConfig {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ""));
  const parsed = schema.safeParse(given);
  if (!parsed.success) {
    const issues = parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`);
    throw new Error(`bad configuration: ${issues.join("; ")}`);
  }
  const settings = parsed.data;
  const { VALET_API_URL: apiUrl, VALET_SANDBOX_TOKEN: token } = settings;
  const localHost = settings.VALET_AGENT_HOST.startsWith("127.") ? settings.VALET_AGENT_HOST : "127.0.0.1";
  return {
    listenHost: settings.VALET_AGENT_HOST,
    port: settings.VALET_AGENT_PORT,
    key: new Secret(settings.VALET_AGENT_KEY),
    api: apiUrl !== undefined && token !== undefined ? { url: apiUrl, token: new Secret(token) } : null,
    frontApiPort: settings.VALET_FRONT_API_PORT,
    frontWorkerPort: settings.VALET_FRONT_WORKER_PORT,
    onExit: settings.VALET_AGENT_ON_EXIT,
    generationMemoryMb: settings.VALET_GENERATION_MEMORY_MB,
    logLevel: settings.LOG_LEVEL,
    version: settings.VALET_VERSION,
    host: {
      sandboxId: settings.VALET_SANDBOX_ID,
      host: localHost,
      dataDir: settings.VALET_AGENT_DATA_DIR,
      registryUrl: settings.VALET_REGISTRY_URL,
      repository: settings.VALET_RELEASE_REPOSITORY,
      ghDataDir: settings.GH_DATA_DIR,
      ghServiceSecret: new Secret(settings.GH_SERVICE_SECRET),
      capacity: settings.VALET_CAPACITY,
      browserPath: settings.VALET_BROWSER_PATH,
      allowedPrivateHosts: settings.GH_ALLOWED_PRIVATE_HOSTS.split(",").filter((host) => host !== ""),
      probeUrl: `http://${probeHost(settings.VALET_AGENT_HOST)}:${settings.VALET_AGENT_PORT}/probe`,
      leaseMs: settings.VALET_LEASE_MS,
      logLevel: settings.LOG_LEVEL,
      display: settings.DISPLAY,
      baseEnv: inherited(env),
      stopGraceMs: settings.VALET_STOP_GRACE_MS,
      tickMs: Math.min(500, Math.max(250, settings.VALET_LEASE_MS / 150)),
    },
  };
}

/** An agent that listens everywhere serves its probe page on loopback. */
function probeHost(listenHost: string): string {
  return listenHost === "0.0.0.0" || listenHost === "::" ? "127.0.0.1" : listenHost;
}

function inherited(env: Record<string, string | undefined>): Record<string, string> {
  const names = ["PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "XDG_RUNTIME_DIR"];
  return Object.fromEntries(
    names.map((name) => [name, env[name]]).filter((pair): pair is [string, string] => !!pair[1]),
  );
}
