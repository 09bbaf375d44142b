import { environments } from "@valet/shared";
import { z } from "zod";

/** Deploy webhook of the GHOST-HANDS pipeline. Verified over the raw bytes before this schema sees it. */
const s = (max: number) => z.string().max(max);
const shared = {
  image: s(500),
  image_latest: s(500).optional(),
  environment: z.preprocess((v) => (v === "prod" ? "production" : v), z.enum(environments)),
  repository: s(300),
  run_id: s(100),
  run_url: s(1000).optional(),
  timestamp: z.iso.datetime({ offset: true }),
  image_digest: z
    .string()
    .regex(/^sha256:[0-9a-f]{64}$/)
    .optional(),
};
export const deployReadyWebhookSchema = z.looseObject({
  event: z.literal("ghosthands.deploy_ready"),
  image_tag: z.string().regex(/^[A-Za-z0-9._\-/:]{1,128}$/, "1 to 128 letters, digits or . _ - / :"),
  commit_sha: s(100),
  commit_message: s(10_000),
  branch: s(300),
  ...shared,
});
export const rollbackWebhookSchema = z.looseObject({
  event: z.literal("ghosthands.rollback"),
  /** Blank: the last completed release. */
  image_tag: z.string().regex(/^[A-Za-z0-9._\-/:]{0,128}$/, "blank, or 1 to 128 letters, digits or . _ - / :"),
  triggered_by: s(300).optional(),
  ...shared,
});
export const deployWebhookSchema = z.discriminatedUnion("event", [deployReadyWebhookSchema, rollbackWebhookSchema]);
export type DeployWebhook = z.infer<typeof deployWebhookSchema>;
export const deployWebhookReplySchema = z.object({
  received: z.literal(true),
  deploy_id: z.string(),
  environment: z.string(),
  image_tag: z.string(),
  message: z.string(),
});
/** The webhook's own error texts; existing senders match on them. */
export const deployWebhookErrors = {
  missingSignature: "Missing signature header",
  invalidSignature: "Invalid signature",
  notConfigured: "Webhook not configured",
} as const;
/** `timestamp` older than this, or further ahead than that: 401 stale_timestamp. */
export const webhookMaxAgeMs = 24 * 3_600_000;
export const webhookMaxAheadMs = 5 * 60_000;

/** POST /api/v1/webhooks/ghosthands, header X-GH-Service-Key: the task callback kept for GHOST-HANDS' own clients. */
export const taskCallbackSchema = z.looseObject({
  job_id: s(200),
  valet_task_id: z.uuid(),
  status: z.enum(["running", "completed", "failed", "cancelled", "needs_human", "resumed"]),
  worker_id: s(200).optional(),
  result_data: z.record(z.string(), z.unknown()).optional(),
  result_summary: s(10_000).optional(),
  screenshot_url: s(2000).optional(),
  error_code: s(200).optional(),
  error_message: s(10_000).optional(),
  cost: z.unknown().optional(),
  interaction: z.unknown().optional(),
  completed_at: s(100).optional(),
});
