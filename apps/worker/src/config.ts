import { existsSync, readFileSync } from "node:fs";
import { knobsOverrideSchema } from "@valet/contracts";
import { Secret, defaultLeaseMs } from "@valet/shared";
import { z } from "zod";

const secret = z
  .string()
  .min(1)
  .transform((value) => new Secret(value));
const url = z.url().transform((value) => value.replace(/\/$/, ""));

const commonSchema = z.object({
  /** pino level: trace, debug, info, warn, error or silent. */
  LOG_LEVEL: z.enum(["trace", "debug", "info", "warn", "error", "fatal", "silent"]).default("info"),
  /** Version this process reports. */
  VALET_VERSION: z.string().max(64).default("0.1.0"),
});

const controlSchema = commonSchema.extend({
  /** Postgres; may go through a transaction pooler. */
  DATABASE_URL: secret,
  /** Postgres without a pooler, for LISTEN and the outbox; DATABASE_URL when absent. */
  DATABASE_DIRECT_URL: secret.optional(),
  /** Base64, 32 bytes: opens the agents' keys; tenants' webhook secrets are derived from it. */
  VALET_SEAL_KEY: secret,
  /** The lease of an attempt in ms; every other time of a task scales with it. */
  VALET_LEASE_MS: z.coerce.number().int().min(1000).max(3_600_000).default(defaultLeaseMs),
  /** Name of this replica in control_heartbeats; made up at the start when absent. */
  VALET_CONTROL_ID: z.string().min(1).max(100).optional(),
  /** JSON of rollout knobs for the deploys that bring a returned host up to date, where they differ from the defaults. */
  VALET_ROLLOUT_DEFAULTS: z
    .string()
    .default("{}")
    .transform((text, context) => {
      const knobs = knobsOverrideSchema.safeParse(jsonOrNull(text));
      if (knobs.success) return knobs.data;
      context.addIssue({ code: "custom", message: `not JSON of rollout knobs: ${z.prettifyError(knobs.error)}` });
      return z.NEVER;
    }),
  /** Comma list of host or host:port that task webhooks may reach although private. */
  VALET_ALLOWED_PRIVATE_HOSTS: z.string().default(""),
});

const sandboxSchema = commonSchema.extend({
  /** The API this sandbox dials out to. */
  VALET_API_URL: url,
  /** This sandbox's id. */
  VALET_SANDBOX_ID: z.uuid(),
  /** This sandbox's own token. */
  VALET_SANDBOX_TOKEN: secret,
  /** The agent on this host; GH apis listen on the same address. */
  VALET_AGENT_URL: url.default("http://127.0.0.1:8000"),
  /** X-GH-Service-Key of the GH apis on this host. */
  GH_SERVICE_SECRET: secret,
});

const roleSchema = z.object({
  /** `control` or `sandbox`; by default sandbox where the identity file is present, else control. */
  VALET_WORKER_ROLE: z.enum(["control", "sandbox"]).optional(),
  /** The sandbox's identity: KEY=VALUE lines, below the environment. */
  VALET_IDENTITY_FILE: z.string().default("/opt/valet/identity.env"),
});

export type ControlConfig = z.output<typeof controlSchema> & { role: "control" };
export type SandboxConfig = z.output<typeof sandboxSchema> & { role: "sandbox" };
export type WorkerConfig = ControlConfig | SandboxConfig;

/** Parses the environment once. Throws one error that names every wrong variable, never a value. */
export function readConfig(env: Record<string, string | undefined> = process.env): WorkerConfig {
  const { VALET_WORKER_ROLE: wanted, VALET_IDENTITY_FILE: identityFile } = parse(roleSchema, env);
  const hasIdentity = existsSync(identityFile);
  const role = wanted ?? (hasIdentity ? "sandbox" : "control");
  if (role === "control") return { ...parse(controlSchema, env), role };
  const identity = hasIdentity ? parseIdentity(readFileSync(identityFile, "utf8")) : {};
  return { ...parse(sandboxSchema, { ...identity, ...env }), role };
}

/** KEY=VALUE lines; blank lines and # comments are skipped, one pair of quotes around a value is taken off. */
export function parseIdentity(text: string): Record<string, string> {
  const pairs = text.split("\n").flatMap((line) => {
    const match = /^\s*([A-Z][A-Z0-9_]*)=(.*?)\s*$/.exec(line);
    return match ? [[match[1] ?? "", (match[2] ?? "").replace(/^(["'])(.*)\1$/, "$2")]] : [];
  });
  return Object.fromEntries(pairs) as Record<string, string>;
}

function jsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function parse<T extends z.ZodType>(schema: T, env: Record<string, string | undefined>): z.output<T> {
  const present = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ""));
  const result = schema.safeParse(present);
  if (result.success) return result.data;
  const wrong = result.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`);
  throw new Error(`configuration of the worker is wrong; set these variables: ${wrong.join("; ")}`);
}
