import { generationStates, hostOrders } from "@valet/shared";
import { z } from "zod";
import { digestSchema, imageTagSchema } from "./common.ts";

/** The sandbox agent on port 8000 ("health server"). JSON is snake_case in commands, camelCase in /health, as its clients know it. */
export const agentDeployPhases = [
  "fetching",
  "installing",
  "draining",
  "stopping",
  "starting",
  "verifying",
  "verified",
  "serving",
  "rolling_back",
  "rolled_back",
  "failed",
  "superseded",
] as const;
export type AgentDeployPhase = (typeof agentDeployPhases)[number];

export const agentDeploySchema = z.object({
  deployId: z.string(),
  epoch: z.number().int(),
  imageTag: z.string(),
  /** Resolved digest; null until the registry answered. */
  imageDigest: z.string().nullable(),
  order: z.enum(hostOrders),
  generation: z.number().int().nullable(),
  phase: z.enum(agentDeployPhases),
  /** One sentence for people: what is going on, or why it failed and what to do. */
  message: z.string(),
  startedAt: z.string(),
  endedAt: z.string().nullable(),
  /** Started by hand on the host (no deploy id given): a visible pin. */
  pinned: z.boolean(),
  /** Measured, ms. */
  timings: z.object({ fetchMs: z.number().optional(), bootMs: z.number().optional(), verifyMs: z.number().optional() }),
});
export type AgentDeploy = z.infer<typeof agentDeploySchema>;

export const agentGenerationSchema = z.object({
  generation: z.number().int(),
  state: z.enum(generationStates),
  imageTag: z.string(),
  /** Digest the running processes reported themselves, not the one that was asked for; null while they have not. */
  imageDigest: z.string().nullable(),
  desiredDigest: digestSchema,
  apiPort: z.number().int(),
  workerPort: z.number().int(),
  apiPid: z.number().int().nullable(),
  workerPid: z.number().int().nullable(),
  healthy: z.boolean(),
  accepting: z.boolean(),
  /** null: the GH worker did not answer. Unknown is not zero. */
  activeJobs: z.number().int().nullable(),
  restarts: z.number().int(),
  startedAt: z.string(),
  /** Where apiPort and workerPort listen; the agent's own loopback address. */
  host: z.string().optional(),
  /** Why it is in this state, or why it failed. */
  reason: z.string().optional(),
});
export type AgentGeneration = z.infer<typeof agentGenerationSchema>;

export const agentHealthSchema = z.object({
  status: z.enum(["ok", "degraded"]),
  cpu: z.number(),
  memoryTotalMb: z.number(),
  memoryUsedMb: z.number(),
  diskTotalGb: z.number(),
  diskUsedGb: z.number(),
  adspowerStatus: z.enum(["running", "starting", "stopped"]),
  activeProfiles: z.number().int(),
  /** RUNNING JOBS, summed over generations; null when a GH worker did not answer. */
  activeWorkers: z.number().int().nullable(),
  uptime: z.number(),
  version: z.string(),
  generation: z.number().int().nullable(),
  imageTag: z.string().nullable(),
  imageDigest: z.string().nullable(),
  currentDeploy: agentDeploySchema.nullable(),
  deploySafe: z.boolean(),
  accepting: z.boolean(),
  epoch: z.number().int(),
  generations: z.array(agentGenerationSchema),
  /** Which sandbox this is; whoever knows only an address learns it here. */
  sandboxId: z.string().optional(),
  /** Whether the host has the memory for a second generation now; absent from agents that do not say. */
  admission: z.object({ admits: z.boolean(), neededMb: z.number(), freeMb: z.number() }).optional(),
});
export type AgentHealth = z.infer<typeof agentHealthSchema>;

const epoch = z.number().int().min(1);
export const agentDeployCommandSchema = z.object({
  image_tag: imageTagSchema,
  image_digest: digestSchema.optional(),
  /** Digest of the last COMPLETED release: the only thing the host may go back to. */
  previous_digest: digestSchema.optional(),
  /** The digest alone says what is meant, wherever the tag points by now: a way back, or a host that catches up. */
  by_digest: z.boolean().optional(),
  /** Given past the API: a visible pin until the control plane has taken its journal. */
  direct: z.boolean().optional(),
  epoch: epoch.optional(),
  deploy_id: z.string().max(64).optional(),
  order: z.enum(hostOrders).default("stop-first"),
  min_healthy_ms: z.number().int().min(0).max(600_000).optional(),
  healthy_deadline_ms: z.number().int().min(1000).max(600_000).optional(),
  drain_timeout_ms: z.number().int().min(0).max(7_200_000).optional(),
});
export type AgentDeployCommand = z.input<typeof agentDeployCommandSchema>;
export const agentDeployAnswerSchema = z.object({
  success: z.literal(true),
  message: z.string(),
  image_tag: z.string(),
  deploy_id: z.string(),
});
/** Body of /drain, /undrain, /fence and /generations/:n/end. `force`: end although jobs still run there. */
export const agentEpochCommandSchema = z.object({
  epoch: epoch.optional(),
  deploy_id: z.string().max(64).optional(),
  force: z.boolean().optional(),
});
/** POST /settle: `generation` won. Older generations become draining, and warm once they have no jobs. */
export const agentSettleCommandSchema = z.object({
  epoch,
  deploy_id: z.string().max(64),
  generation: z.number().int(),
  /** How long the old generation stays warm; default 30 min. */
  rollback_window_ms: z.number().int().min(0).max(604_800_000).optional(),
});
/**
 * POST /rollback: make `image_digest` (default: the recorded previous one) the serving generation again, waking a warm one or
 * starting it anew. Newer generations become draining and end once they have no jobs; their slots are handed back meanwhile.
 */
export const agentRollbackCommandSchema = z.object({
  epoch: epoch.optional(),
  deploy_id: z.string().max(64).optional(),
  image_digest: digestSchema.optional(),
});
export const agentAnswerSchema = z.object({ success: z.literal(true), message: z.string(), epoch: z.number().int() });
export const agentErrorSchema = z.object({
  error: z.string(),
  message: z.string().optional(),
  epoch: z.number().int().optional(),
});

/** GET /generations: every generation that is alive, newest first, and the last few that ended. */
export const agentGenerationsSchema = z.object({ generations: z.array(agentGenerationSchema) });

/** GET /workers: targeted workers of this host. */
export const agentTargetedWorkerSchema = z.object({
  worker_id: z.string(),
  name: z.string(),
  status_port: z.number().int(),
  running: z.boolean(),
  pid: z.number().int().nullable(),
  image_digest: z.string().nullable(),
  active_jobs: z.number().int().nullable(),
  restarts: z.number().int(),
});
export type AgentTargetedWorker = z.infer<typeof agentTargetedWorkerSchema>;
export const agentTargetedWorkersSchema = z.object({ workers: z.array(agentTargetedWorkerSchema) });
