import { attemptOutcomes, stepEffects, taskStates } from "@valet/shared";
import { z } from "zod";
import { idSchema, isoTimeSchema, pageOf, paginationQuerySchema } from "./common.ts";

const selector = z.string().min(1).max(2000);
const stepBase = {
  /** What the step is called in events and on the dashboard. */
  name: z.string().min(1).max(100).optional(),
  timeoutMs: z.number().int().min(1).max(600_000).optional(),
  effect: z.enum(stepEffects).optional(),
};
const value = z.union([z.string().max(100_000), z.strictObject({ secret: z.string().min(1).max(100) })]);

/** One step. `effect` defaults to write for click, press and upload, to read for the rest. */
export const stepSchema = z.discriminatedUnion("action", [
  z.strictObject({ action: z.literal("goto"), url: z.url().max(4000), ...stepBase }),
  z.strictObject({ action: z.literal("click"), selector, ...stepBase }),
  z.strictObject({ action: z.literal("fill"), selector, value, ...stepBase }),
  z.strictObject({ action: z.literal("select"), selector, value: z.string().max(2000), ...stepBase }),
  z.strictObject({ action: z.literal("press"), selector, key: z.string().min(1).max(50), ...stepBase }),
  z.strictObject({
    action: z.literal("waitFor"),
    selector: selector.optional(),
    state: z.enum(["visible", "hidden", "attached", "detached"]).default("visible"),
    /** Plain waiting, instead of a selector. */
    durationMs: z.number().int().min(0).max(600_000).optional(),
    ...stepBase,
  }),
  z.strictObject({
    action: z.literal("assert"),
    selector: selector.optional(),
    text: z.string().max(10_000).optional(),
    urlIncludes: z.string().max(4000).optional(),
    ...stepBase,
  }),
  z.strictObject({
    action: z.literal("extract"),
    selector,
    as: z.string().min(1).max(100),
    attribute: z.string().min(1).max(100).optional(),
    all: z.boolean().default(false),
    ...stepBase,
  }),
  z.strictObject({
    action: z.literal("screenshot"),
    as: z.string().min(1).max(100).default("screenshot"),
    fullPage: z.boolean().default(false),
    ...stepBase,
  }),
  z.strictObject({
    action: z.literal("upload"),
    selector,
    fileName: z.string().min(1).max(200),
    contentBase64: z.base64().max(7_000_000),
    ...stepBase,
  }),
]);
export type Step = z.infer<typeof stepSchema>;
export type StepAction = Step["action"];

const writeByDefault: ReadonlySet<StepAction> = new Set(["click", "press", "upload"]);
export function effectOf(step: Step): "read" | "write" {
  return step.effect ?? (writeByDefault.has(step.action) ? "write" : "read");
}

export const taskSubmitSchema = z.strictObject({
  url: z.url().max(4000).optional(),
  steps: z.array(stepSchema).min(1).max(500),
  allowedDomains: z.array(z.string().min(1).max(253)).max(100).default([]),
  timeoutMs: z.number().int().min(1000).max(3_600_000).default(300_000),
  queueTimeoutMs: z.number().int().min(1000).max(86_400_000).default(3_600_000),
  /** Seconds of head start in the queue. */
  priority: z.number().int().min(-3600).max(3600).default(0),
  placement: z
    .strictObject({
      labels: z.record(z.string().max(63), z.string().max(253)).default({}),
      sandboxId: idSchema.optional(),
    })
    .default({ labels: {} }),
  retry: z.strictObject({ maxAttempts: z.number().int().min(1).max(10).default(3) }).default({ maxAttempts: 3 }),
  /** `safe`: may be started again after an interruption although a write step may have happened. */
  restart: z.enum(["review", "safe"]).default("review"),
  environment: z
    .preprocess((v) => (v === "prod" ? "production" : v), z.enum(["dev", "staging", "production"]))
    .optional(),
  webhookUrl: z.url().max(2000).optional(),
  metadata: z.record(z.string().max(100), z.string().max(2000)).default({}),
});
/** What a client may send. */
export type TaskSubmit = z.input<typeof taskSubmitSchema>;
/** The same with its defaults filled in: what is stored and sent to a sandbox. */
export type TaskSpec = z.output<typeof taskSubmitSchema>;

export const taskErrorSchema = z.object({
  code: z.string(),
  message: z.string(),
  stepIndex: z.number().int().optional(),
});
export const attemptViewSchema = z.object({
  number: z.number().int(),
  fence: z.number().int(),
  sandboxId: idSchema,
  sandboxName: z.string(),
  slot: z.number().int(),
  generation: z.number().int(),
  releaseTag: z.string().nullable(),
  releaseDigest: z.string().nullable(),
  reservedAt: isoTimeSchema,
  acknowledgedAt: isoTimeSchema.nullable(),
  endedAt: isoTimeSchema.nullable(),
  outcome: z.enum(attemptOutcomes).nullable(),
  reason: z.string().nullable(),
});
export const taskSummarySchema = z.object({
  id: idSchema,
  tenantId: z.string(),
  environment: z.string(),
  state: z.enum(taskStates),
  stateReason: z.string(),
  url: z.string().nullable(),
  stepCount: z.number().int(),
  stepsDone: z.number().int(),
  priority: z.number().int(),
  attemptCount: z.number().int(),
  cancelRequested: z.boolean(),
  metadata: z.record(z.string(), z.string()),
  sandboxId: idSchema.nullable(),
  sandboxName: z.string().nullable(),
  createdAt: isoTimeSchema,
  enqueuedAt: isoTimeSchema,
  startedAt: isoTimeSchema.nullable(),
  endedAt: isoTimeSchema.nullable(),
});
export type TaskSummary = z.infer<typeof taskSummarySchema>;
export const artifactViewSchema = z.object({
  id: idSchema,
  name: z.string(),
  contentType: z.string(),
  bytes: z.number().int(),
  sha256: z.string(),
  createdAt: isoTimeSchema,
});
export const taskViewSchema = taskSummarySchema.extend({
  spec: taskSubmitSchema,
  result: z.record(z.string(), z.unknown()).nullable(),
  error: taskErrorSchema.nullable(),
  attempts: z.array(attemptViewSchema),
  artifacts: z.array(artifactViewSchema),
});
export type TaskView = z.infer<typeof taskViewSchema>;

/** What happened in an attempt, as the GH worker journals it. `seq` counts from 1 within an attempt. */
export const taskEventTypes = [
  "attempt_started",
  "step_started",
  "step_done",
  "step_failed",
  "screenshot",
  "frozen",
  "thawed",
  "finished",
] as const;
export const taskEventSchema = z.object({
  fence: z.number().int(),
  seq: z.number().int().min(1),
  type: z.enum(taskEventTypes),
  at: isoTimeSchema,
  data: z.record(z.string(), z.unknown()).default({}),
});
export type TaskEvent = z.infer<typeof taskEventSchema>;

export const taskListQuerySchema = paginationQuerySchema.extend({
  state: z.enum(taskStates).optional(),
  sortBy: z.enum(["createdAt", "enqueuedAt", "state", "priority"]).default("createdAt"),
});
export const taskPageSchema = pageOf(taskSummarySchema);
export const taskReviewSchema = z.strictObject({
  decision: z.enum(["completed", "failed", "restart"]),
  note: z.string().max(2000).default(""),
});
export const whyCodes = [
  "not_waiting",
  "ahead_in_queue",
  "no_free_slot",
  "no_matching_sandbox",
  "all_cordoned",
  "all_unreachable",
  "no_allowed_release",
  "no_sandboxes",
] as const;
export const taskWhySchema = z.object({
  state: z.enum(taskStates),
  code: z.enum(whyCodes),
  message: z.string(),
  /** 1 is next; null when not waiting. */
  position: z.number().int().nullable(),
  etaMs: z.number().int().nullable(),
});
export type TaskWhy = z.infer<typeof taskWhySchema>;
