import { z } from "zod";
import { digestSchema, idSchema } from "./common.ts";
import { taskEventSchema, taskSubmitSchema } from "./tasks.ts";

/**
 * The sandbox worker's session with the API, under /api/v1/sandbox. Auth: `Authorization: Bearer <sandbox token>`.
 * Every answer of 409 `stale_fence` means: somebody else owns that attempt now, stop it.
 */
export const attemptRefSchema = z.object({
  taskId: idSchema,
  fence: z.number().int().min(1),
  leaseId: z.string().min(8).max(64),
});
export type AttemptRef = z.infer<typeof attemptRefSchema>;

/** POST /sandbox/session: opens the one live session; a newer one closes the older. */
export const sessionOpenSchema = z.strictObject({
  bootId: z.string().min(1).max(64),
  version: z.string().max(64),
  wire: z.strictObject({ min: z.number().int(), max: z.number().int() }),
});
export const sessionOpenedSchema = z.object({
  sessionId: idSchema,
  sandboxId: idSchema,
  sandboxName: z.string(),
  wire: z.number().int(),
  leaseMs: z.number().int(),
  /** Attempts that the database still holds for this sandbox: reserved and acknowledged ones. */
  attempts: z.array(z.lazy(() => assignmentSchema)),
});
export type SessionOpened = z.infer<typeof sessionOpenedSchema>;

export const assignmentSchema = attemptRefSchema.extend({
  attempt: z.number().int(),
  slot: z.number().int(),
  generation: z.number().int(),
  acknowledged: z.boolean(),
  spec: taskSubmitSchema,
});
export type Assignment = z.infer<typeof assignmentSchema>;

/** Which generation owns which slot; `target` is where freed slots go and where a spare is wanted. */
export const slotPlanSchema = z.object({
  /** Grows with every change. */
  revision: z.number().int(),
  target: z.number().int().nullable(),
  slots: z.array(z.object({ index: z.number().int(), generation: z.number().int().nullable() })),
  draining: z.boolean(),
});
export type SlotPlan = z.infer<typeof slotPlanSchema>;

/** GET /sandbox/session/:id/assignments?waitMs=25000&planRevision=n : long-poll; answers as soon as there is something. */
export const assignmentsQuerySchema = z.object({
  waitMs: z.coerce.number().int().min(0).max(30_000).default(25_000),
  planRevision: z.coerce.number().int().default(-1),
});
export const assignmentsSchema = z.object({
  /** Reserved for this sandbox and not acknowledged yet; repeated until acknowledged. */
  assignments: z.array(assignmentSchema),
  cancel: z.array(attemptRefSchema),
  plan: slotPlanSchema,
});
export type Assignments = z.infer<typeof assignmentsSchema>;

/** POST /sandbox/session/:id/acknowledge : nothing starts before the 200. */
export const acknowledgeSchema = attemptRefSchema;
export const acknowledgedSchema = z.object({ leaseExpiresInMs: z.number() });

/** What one generation on this host looks like to the sandbox worker. */
export const generationReportSchema = z.object({
  generation: z.number().int(),
  imageTag: z.string(),
  imageDigest: digestSchema,
  state: z.enum(["starting", "serving", "draining", "warm", "ended"]),
  /** False: the GH api does not answer; then the fields below are what was last known, or empty. Unknown is not zero. */
  reachable: z.boolean(),
  workerId: z.string().nullable(),
  /** The GH worker's own boot id. An inventory is complete for that boot. */
  workerBootId: z.string().nullable(),
  accepting: z.boolean(),
  spareReady: z.boolean(),
  slots: z.array(z.object({ index: z.number().int(), state: z.enum(["preparing", "ready", "busy", "closed"]) })),
  attempts: z.array(attemptRefSchema.extend({ confirmedAgoMs: z.number(), frozen: z.boolean() })),
});
export type GenerationReport = z.infer<typeof generationReportSchema>;

/** POST /sandbox/session/:id/heartbeat : every heartbeatMs, and at once when a slot or generation changes. */
export const heartbeatSchema = z.strictObject({
  sentAtMs: z.number(),
  generations: z.array(generationReportSchema).max(20),
  /** Attempts the GH workers confirmed within confirmFreshMs, plus acknowledged ones still being delivered. */
  attempts: z.array(attemptRefSchema).max(1000),
  agentReachable: z.boolean(),
});
export type Heartbeat = z.infer<typeof heartbeatSchema>;
export const heartbeatReplySchema = z.object({
  /** Leases renewed by this heartbeat. */
  renewed: z.array(attemptRefSchema),
  /** No longer ours: kill. */
  lost: z.array(attemptRefSchema),
  cancel: z.array(attemptRefSchema),
  plan: slotPlanSchema,
});
export type HeartbeatReply = z.infer<typeof heartbeatReplySchema>;

/** POST /sandbox/session/:id/permit : asked before each write step; usable for permitMs after the ask was sent. */
export const permitRequestSchema = attemptRefSchema.extend({
  stepIndex: z.number().int().min(0),
  workerBootId: z.string(),
});
export const permitReplySchema = z.object({ granted: z.literal(true), permitId: idSchema, usableForMs: z.number() });

/** POST /sandbox/session/:id/events : the relayed journal. Idempotent by (taskId, fence, seq). */
export const sessionEventSchema = taskEventSchema.extend({ taskId: idSchema, leaseId: z.string() });
export type SessionEvent = z.infer<typeof sessionEventSchema>;
export const eventsRequestSchema = z.strictObject({ events: z.array(sessionEventSchema).max(500) });
export const eventsReplySchema = z.object({
  /** Per attempt: stored (or refused for good) up to here; the spool may forget them. */
  accepted: z.array(z.object({ taskId: idSchema, fence: z.number().int(), throughSeq: z.number().int() })),
  /** Attempts whose fence is no longer the newest: their results were recorded as late and not taken. */
  stale: z.array(attemptRefSchema),
});
export type EventsReply = z.infer<typeof eventsReplySchema>;

/** `data` of a `finished` event. `interrupted`: the browser or the GH worker died; the control plane decides what follows. */
export const finishedDataSchema = z.object({
  status: z.enum(["completed", "failed", "cancelled", "timed_out", "interrupted"]),
  result: z.record(z.string(), z.unknown()).default({}),
  error: z.object({ code: z.string(), message: z.string(), stepIndex: z.number().int().optional() }).optional(),
});
export type FinishedData = z.infer<typeof finishedDataSchema>;

/** PUT /sandbox/session/:id/artifacts/:taskId/:fence/:name : raw body, content type kept; answers 201 {id, sha256}. */
export const artifactStoredSchema = z.object({ id: idSchema, sha256: z.string() });
