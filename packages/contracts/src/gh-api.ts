import { z } from "zod";
import { idSchema } from "./common.ts";
import { stepSchema, taskEventSchema } from "./tasks.ts";

/** GHOST-HANDS API, port 3100. Its JSON is snake_case. Auth: X-GH-Service-Key, except /health. */
export const ghJobStatuses = [
  "pending",
  "running",
  "needs_human",
  "completed",
  "failed",
  "cancelled",
  "timed_out",
  "interrupted",
] as const;

export const ghLeaseSchema = z.object({
  fence: z.number().int().min(1),
  lease_id: z.string(),
  /** Send time of the last acknowledged heartbeat (or acknowledgement); the deadline counts from here. */
  renewed_wall_ms: z.number(),
  /** CLOCK_MONOTONIC of the same moment, as `process.hrtime()` gives it: one clock for all processes of a host. */
  renewed_mono_ms: z.number(),
  lease_ms: z.number().int(),
});
export type GhLease = z.infer<typeof ghLeaseSchema>;

export const ghJobCreateSchema = z.object({
  valet_task_id: idSchema,
  idempotency_key: z.string().min(1).max(200),
  url: z.url().optional(),
  steps: z.array(stepSchema).min(1).max(500),
  allowed_domains: z.array(z.string()).default([]),
  timeout_ms: z.number().int().min(1000).max(3_600_000).default(300_000),
  /** Absent: a local job, not VALET's; its write steps need no permit. */
  lease: ghLeaseSchema.optional(),
  slot: z.number().int().min(0).optional(),
  /** Only this targeted worker takes it; absent: the generation's own. */
  target_worker_id: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,64}$/)
    .optional(),
  /** A synthetic verification task: runs in the spare (probe) slot. */
  probe: z.boolean().default(false),
  metadata: z.record(z.string(), z.string()).default({}),
});
export type GhJobCreate = z.input<typeof ghJobCreateSchema>;
export type GhJobSpec = z.output<typeof ghJobCreateSchema>;
export const ghJobCreatedSchema = z.object({
  job_id: z.string(),
  valet_task_id: z.string(),
  status: z.enum(ghJobStatuses),
  created_at: z.string(),
  duplicate: z.boolean().optional(),
});
export const ghJobViewSchema = ghJobCreatedSchema.extend({
  fence: z.number().int().nullable(),
  lease_id: z.string().nullable(),
  slot: z.number().int().nullable(),
  frozen: z.boolean(),
  steps_done: z.number().int(),
  result: z.record(z.string(), z.unknown()).nullable(),
  error: z.object({ code: z.string(), message: z.string(), stepIndex: z.number().int().optional() }).nullable(),
});
export type GhJobView = z.infer<typeof ghJobViewSchema>;

/** Wire versions of the GH api <-> GH worker <-> sandbox worker links. Each speaks to the release before and after its own. */
export const ghWire = { min: 1, max: 1 } as const;
const wire = z.object({ min: z.number().int(), max: z.number().int() });

const slotView = z.object({ index: z.number().int(), state: z.enum(["preparing", "ready", "busy", "closed"]) });
/** A GH worker's complete inventory under its own boot id. */
export const ghInventorySchema = z.object({
  worker_id: z.string(),
  /** A worker of its own beside the generation's: takes only jobs that name it, and never the slots. Releases before it leave it out. */
  target_worker_id: z.string().nullable().default(null),
  boot_id: z.string(),
  generation: z.number().int(),
  image_tag: z.string(),
  image_digest: z.string(),
  wire,
  max_concurrent: z.number().int(),
  accepting: z.boolean(),
  draining: z.boolean(),
  spare: z.enum(["none", "preparing", "ready", "failed"]),
  spare_error: z.string().nullable(),
  slots: z.array(slotView),
  jobs: z.array(ghJobViewSchema),
  jobs_completed: z.number().int(),
  jobs_failed: z.number().int(),
  uptime_seconds: z.number(),
});
export type GhInventory = z.infer<typeof ghInventorySchema>;

/** GH worker -> GH api, under /internal/workers (same service key). Sent at registration, every confirmMs, and on change. */
export const ghConfirmReplySchema = z.object({ wire: z.number().int(), api_boot_id: z.string() });

/**
 * GET /internal/workers/:id/commands?boot_id=&after=&wait_ms= : long-poll. Commands are desired state or idempotent by their ids; they are
 * handed out again until a poll names their `cursor` in `after`. 409: not registered here (any more), register again.
 */
export const ghCommandSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("start"), job_id: z.string(), job: ghJobCreateSchema }),
  z.object({ type: z.literal("cancel"), job_id: z.string() }),
  /** Taken over: kill, keep the evidence. */
  z.object({ type: z.literal("kill"), job_id: z.string() }),
  z.object({ type: z.literal("renew"), leases: z.array(ghLeaseSchema.extend({ valet_task_id: z.string() })) }),
  z.object({
    type: z.literal("permit"),
    job_id: z.string(),
    step_index: z.number().int(),
    ask_id: z.string(),
    granted: z.boolean(),
    reason: z.string().nullable(),
    usable_for_ms: z.number(),
  }),
  /** Desired slots of this worker. `spare`: keep one prepared browser in hand. */
  z.object({ type: z.literal("slots"), owned: z.array(z.number().int()), spare: z.boolean() }),
  /** The relay stored these journal entries: the spool may forget them. */
  z.object({
    type: z.literal("acknowledge"),
    valet_task_id: z.string(),
    fence: z.number().int(),
    through_seq: z.number().int(),
  }),
  z.object({ type: z.literal("drain") }),
  z.object({ type: z.literal("undrain") }),
]);
export type GhCommand = z.infer<typeof ghCommandSchema>;
export const ghCommandsSchema = z.object({
  commands: z.array(ghCommandSchema),
  api_boot_id: z.string(),
  /** Number of the last command in here. */
  cursor: z.number().int(),
});

/** Journal entries on their way up. POST /internal/workers/:id/feed by the GH worker; resent until acknowledged. */
export const ghFeedEntrySchema = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("event"),
    job_id: z.string(),
    valet_task_id: z.string(),
    lease_id: z.string(),
    event: taskEventSchema,
  }),
  z.object({
    kind: z.literal("permit_ask"),
    job_id: z.string(),
    valet_task_id: z.string(),
    fence: z.number().int(),
    lease_id: z.string(),
    step_index: z.number().int(),
    ask_id: z.string(),
    boot_id: z.string(),
  }),
]);
export type GhFeedEntry = z.infer<typeof ghFeedEntrySchema>;
export const ghFeedPostSchema = z.object({ entries: z.array(ghFeedEntrySchema).max(500) });

/**
 * GET /api/v1/gh/feed?cursor=&wait_ms= : the sandbox worker's long-poll on the GH api. `cursor` belongs to `api_boot_id`;
 * with another boot id (or none) the feed starts with everything the api holds.
 */
export const ghFeedSchema = z.object({
  api_boot_id: z.string(),
  cursor: z.number().int(),
  entries: z.array(ghFeedEntrySchema),
  workers: z.array(ghInventorySchema.extend({ confirmed_ago_ms: z.number() })),
});
export type GhFeed = z.infer<typeof ghFeedSchema>;
/** POST /api/v1/gh/commands : what the sandbox worker hands down, passed to the one GH worker of this generation. */
export const ghCommandsPostSchema = z.object({ commands: z.array(ghCommandSchema).max(500) });

/** GET /api/v1/gh/artifacts/:valet_task_id/:fence/:name : a spooled file (screenshot); the GH api reads the shared spool folder. */
export const ghMonitoringWorkerSchema = z.object({
  worker_id: z.string(),
  status: z.enum(["idle", "busy", "draining", "lost"]),
  target_worker_id: z.string().nullable(),
  current_job_id: z.string().nullable(),
  registered_at: z.string(),
  last_heartbeat: z.string(),
  jobs_completed: z.number().int(),
  jobs_failed: z.number().int(),
  uptime_seconds: z.number(),
});
export const ghMonitoringSchema = z.object({
  count: z.number().int(),
  workers: z.array(ghMonitoringWorkerSchema),
  timestamp: z.string(),
});
export const ghHealthSchema = z.object({
  status: z.literal("ok"),
  service: z.literal("ghosthands"),
  version: z.string(),
  timestamp: z.string(),
  generation: z.number().int().optional(),
  image_digest: z.string().optional(),
});
