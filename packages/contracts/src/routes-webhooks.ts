import { z } from "zod";
import { defineRoutes } from "./route.ts";
import { deployWebhookReplySchema, deployWebhookSchema, taskCallbackSchema } from "./webhooks.ts";

/** Both take their body raw: the first is verified over its exact bytes before anything parses it. */
export const webhookRoutes = defineRoutes({
  deployWebhook: {
    method: "POST",
    path: "/api/v1/webhooks/ghosthands/deploy",
    summary: "Deploy webhook of the GHOST-HANDS pipeline (X-GH-Webhook-Signature over the raw bytes)",
    tag: "webhooks",
    access: "signature",
    rawBody: deployWebhookSchema,
    response: deployWebhookReplySchema,
  },
  taskCallback: {
    method: "POST",
    path: "/api/v1/webhooks/ghosthands",
    summary: "Task callback of GHOST-HANDS (X-GH-Service-Key)",
    tag: "webhooks",
    access: "signature",
    rawBody: taskCallbackSchema,
    response: z.object({ received: z.literal(true) }),
  },
});
