import { z } from "zod";

const schema = z.object({
  /** Address to listen on. */
  SITE_HOST: z.string().default("127.0.0.1"),
  /** Port to listen on; 0 takes a free one. */
  SITE_PORT: z.coerce.number().int().min(0).max(65_535).default(4400),
  /** The append-only log of submissions. */
  SITE_LOG: z.string().default("submissions.jsonl"),
});

export interface SiteConfig {
  host: string;
  port: number;
  log: string;
}

export function readSiteConfig(env: Record<string, string | undefined> = process.env): SiteConfig {
  const parsed = schema.parse(env);
  return { host: parsed.SITE_HOST, port: parsed.SITE_PORT, log: parsed.SITE_LOG };
}
