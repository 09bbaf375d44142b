import { Secret } from "@valet/shared";
import { z } from "zod";
import { parseEnvironment } from "../runtime/environment.ts";

const schema = z.object({
  /** Address to listen on; only loopback makes sense: the agent fronts it. */
  GH_API_HOST: z.string().default("127.0.0.1"),
  /** Port to listen on. */
  GH_API_PORT: z.coerce.number().int().min(0).max(65_535).default(3100),
  /** Shared secret of X-GH-Service-Key. */
  GH_SERVICE_SECRET: z.string().min(1),
  /** Folder shared with the GH worker: spool, artifacts. */
  GH_DATA_DIR: z.string().default("/opt/ghosthands/data"),
  /** Number of the generation this process belongs to. */
  GH_GENERATION: z.coerce.number().int().min(0).default(1),
  /** Tag this release was installed under. */
  GH_IMAGE_TAG: z.string().default("dev"),
  /** Folder with manifest.json, config.json and root/; absent in development. */
  GH_RELEASE_DIR: z.string().optional(),
  /** The lease all times derive from, ms. */
  VALET_LEASE_MS: z.coerce.number().int().min(100).default(300_000),
  /** pino's level. */
  LOG_LEVEL: z.string().default("info"),
});

export interface ApiConfig {
  host: string;
  port: number;
  serviceSecret: Secret;
  dataDir: string;
  generation: number;
  imageTag: string;
  releaseDir: string | undefined;
  leaseMs: number;
  logLevel: string;
}

export function readApiConfig(env: Record<string, string | undefined> = process.env): ApiConfig {
  const parsed = parseEnvironment(schema, env);
  return {
    host: parsed.GH_API_HOST,
    port: parsed.GH_API_PORT,
    serviceSecret: new Secret(parsed.GH_SERVICE_SECRET),
    dataDir: parsed.GH_DATA_DIR,
    generation: parsed.GH_GENERATION,
    imageTag: parsed.GH_IMAGE_TAG,
    releaseDir: parsed.GH_RELEASE_DIR,
    leaseMs: parsed.VALET_LEASE_MS,
    logLevel: parsed.LOG_LEVEL,
  };
}
