import { knobsOverrideSchema } from "@valet/contracts";
import { Secret, environments } from "@valet/shared";
import { z } from "zod";

const secret = (min: number) =>
  z
    .string()
    .min(min, `at least ${min} characters`)
    .transform((value) => new Secret(value));
/** An empty variable counts as absent: compose and systemd files often leave one behind. */
const optional = <T extends z.ZodType>(schema: T) => z.preprocess((v) => (v === "" ? undefined : v), schema.optional());
/** Comma list. */
const list = z
  .string()
  .default("")
  .transform((text) =>
    text
      .split(",")
      .map((one) => one.trim())
      .filter((one) => one !== ""),
  );
const number = (min: number, max: number) => z.coerce.number().int().min(min).max(max);

const environmentVariables = z.object({
  /** Port to listen on; 0 takes a free one. */
  PORT: number(0, 65_535).default(3000),
  /** Address to listen on. 0.0.0.0 only behind TLS. */
  HOST: z.string().min(1).default("127.0.0.1"),
  /** Postgres, the truth. May go through a transaction pooler. */
  DATABASE_URL: z.string().min(1),
  /** Postgres without a pooler, for LISTEN; DATABASE_URL when absent. */
  DATABASE_DIRECT_URL: optional(z.string().min(1)),
  /** Connections this process may hold to Postgres. */
  VALET_DATABASE_CONNECTIONS: number(2, 500).default(20),
  /** Redis, optional: the documented keys and the fan-out between replicas. */
  REDIS_URL: optional(z.string().min(1)),
  /** dev, staging or production; `prod` is accepted. */
  VALET_ENVIRONMENT: z.preprocess((v) => (v === "prod" ? "production" : v), z.enum(environments)).default("dev"),
  /** Signs the dashboard's sessions. */
  JWT_SECRET: secret(32),
  /** Key of the GHOST-HANDS pipeline's deploy webhook; absent: that webhook answers 503. */
  VALET_DEPLOY_WEBHOOK_SECRET: optional(secret(1)),
  /** The key before it, accepted too while the sender is being changed. */
  VALET_DEPLOY_WEBHOOK_SECRET_PREVIOUS: optional(secret(1)),
  /** Key of the GHOST-HANDS task callback (X-GH-Service-Key); absent: 503. */
  GH_SERVICE_SECRET: optional(secret(1)),
  /** base64 of 32 bytes: seals the agents' keys at rest. */
  VALET_SEAL_KEY: secret(44),
  /** The lease, ms; every task time scales with it (leaseTimes). */
  VALET_LEASE_MS: number(100, 3_600_000).default(300_000),
  /** Folder of the built dashboard, served at /; absent: nginx serves it elsewhere. */
  VALET_WEB_DIR: optional(z.string().min(1)),
  /** Comma list of host[:port] that tasks may open although their address is private. */
  VALET_ALLOWED_PRIVATE_HOSTS: list,
  /** Comma list of origins (`https://host`) whose dashboard may call this API; absent: our own only. */
  VALET_WEB_ORIGINS: list.refine(
    (origins) => origins.every((origin) => URL.canParse(origin) && new URL(origin).origin === origin),
    "origins only, as https://host, without a path",
  ),
  /** Requests a minute that one token (or one address without a token) may send; sandbox sessions are not counted. */
  VALET_RATE_LIMIT_PER_MINUTE: number(1, 10_000_000).default(30_000),
  /** Comma list of proxy addresses whose X-Forwarded-For is believed; absent: nobody's. */
  VALET_TRUSTED_PROXIES: optional(z.string().min(1)),
  /** JSON of rollout knobs that new deploys begin with, where they give none themselves. */
  VALET_ROLLOUT_DEFAULTS: z
    .string()
    .default("{}")
    .transform((text, context) => {
      const knobs = knobsOverrideSchema.safeParse(jsonOrNull(text));
      if (knobs.success) return knobs.data;
      context.addIssue({ code: "custom", message: `not JSON of rollout knobs: ${z.prettifyError(knobs.error)}` });
      return z.NEVER;
    }),
  /** pino level. */
  LOG_LEVEL: z.enum(["fatal", "error", "warn", "info", "debug", "trace", "silent"]).default("info"),
  /** Reported in /health. */
  VALET_VERSION: z.string().default("0.1.0"),
});
export type ApiConfig = z.output<typeof environmentVariables>;

/** Reads the API's configuration; throws one sentence that names each variable that is wrong. */
export function readConfig(env: Record<string, string | undefined> = process.env): ApiConfig {
  const parsed = environmentVariables.safeParse(env);
  if (parsed.success) return parsed.data;
  const wrong = parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`);
  throw new Error(`The API's configuration is wrong. ${wrong.join("; ")}`);
}

function jsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    if (cause instanceof SyntaxError) return null;
    throw cause;
  }
}
