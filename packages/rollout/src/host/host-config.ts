import type { Secret } from "@valet/shared";

/** What the on-host procedure needs to know of its host. The agent's config.ts fills it. */
export interface HostConfig {
  sandboxId: string;
  /** Loopback address that generations listen on. */
  host: string;
  /** epoch.json, generations.json, releases/, run/, logs/. */
  dataDir: string;
  registryUrl: string;
  repository: string;
  /** Profiles, spool, leases and artifacts of the GH processes. */
  ghDataDir: string;
  ghServiceSecret: Secret;
  capacity: number;
  browserPath: string | undefined;
  /** host or host:port that pages may reach although private; the agent adds its own probe page. */
  allowedPrivateHosts: string[];
  probeUrl: string;
  leaseMs: number;
  logLevel: string;
  display: string | undefined;
  /** PATH, HOME, locale: what a child process needs from its parent. */
  baseEnv: Record<string, string>;
  /** SIGTERM to SIGKILL (the guide's `stop -t 35`). */
  stopGraceMs: number;
  /** How often states are compared and mended. */
  tickMs: number;
}
