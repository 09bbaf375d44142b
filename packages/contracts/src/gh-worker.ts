import { z } from "zod";

/** GHOST-HANDS worker status server, port 3101. */
export const ghWorkerStatusSchema = z.object({
  worker_id: z.string(),
  active_jobs: z.number().int(),
  max_concurrent: z.number().int(),
  is_running: z.boolean(),
  is_draining: z.boolean(),
  uptime_ms: z.number(),
  timestamp: z.string(),
  /** True exactly when active_jobs is 0; whoever stops a worker also wants `accepting` false. */
  deploy_safe: z.boolean(),
  accepting: z.boolean(),
  generation: z.number().int(),
  image_tag: z.string(),
  /** Digest of the files this process runs from, computed by itself at boot. */
  image_digest: z.string(),
  boot_id: z.string(),
  spare: z.enum(["none", "preparing", "ready", "failed"]),
  slots: z.array(z.object({ index: z.number().int(), state: z.enum(["preparing", "ready", "busy", "closed"]) })),
});
export type GhWorkerStatus = z.infer<typeof ghWorkerStatusSchema>;
export const ghWorkerHealthSchema = z.object({
  status: z.enum(["idle", "busy", "draining"]),
  active_jobs: z.number().int(),
  deploy_safe: z.boolean(),
  accepting: z.boolean(),
});
export const ghWorkerDrainSchema = z.object({
  status: z.enum(["draining", "accepting"]),
  active_jobs: z.number().int(),
  worker_id: z.string(),
});
