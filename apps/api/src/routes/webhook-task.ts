import { explainIssue, routes, taskCallbackSchema } from "@valet/contracts";
import { appendAudit, applyTaskCallback } from "@valet/db";
import { UserError } from "@valet/shared";
import type { FastifyInstance } from "fastify";
import { acceptRawBytes, parseJson } from "../content-types.ts";
import type { ApiContext } from "../context.ts";
import { mount } from "../mount.ts";
import { sameSecret } from "../same-secret.ts";
import { unwrap } from "../unwrap.ts";
import { validationError } from "../validation.ts";
import { bytesOf, headerOf, makeRefusal, plainError, webhookBodyLimitBytes } from "../webhook-answers.ts";

type Callback = ReturnType<typeof taskCallbackSchema.parse>;

/** POST /api/v1/webhooks/ghosthands: the task callback kept for GHOST-HANDS' own clients, with X-GH-Service-Key. */
export function taskWebhookRoutes(app: FastifyInstance, { db, config }: ApiContext): void {
  acceptRawBytes(app, webhookBodyLimitBytes);
  const refuse = makeRefusal(app);
  const secret = config.GH_SERVICE_SECRET;

  mount(
    app,
    routes.taskCallback,
    async ({ request, reply }) => {
      if (!secret) return plainError(reply, 503, "Webhook not configured");
      const key = headerOf(request, "x-gh-service-key");
      if (key === null) return refuse(request, reply, "Missing service key");
      if (!sameSecret(secret, key)) return refuse(request, reply, "Invalid service key");
      const body = readCallback(bytesOf(request));
      await db.tx(async (tx) => {
        unwrap(await applyTaskCallback(tx, body.valet_task_id, callbackOf(body)));
        await appendAudit(tx, {
          actor: "ghosthands",
          action: `task.callback.${body.status}`,
          subject: body.valet_task_id,
          data: { jobId: body.job_id, workerId: body.worker_id },
        });
      });
      return { received: true as const };
    },
    { uncounted: true, bodyLimitBytes: webhookBodyLimitBytes },
  );
}

/** Its clients know 400 for anything wrong with the body. */
function readCallback(bytes: Buffer): Callback {
  const parsed = taskCallbackSchema.safeParse(parseJson(bytes.toString("utf8")) ?? {}, { error: explainIssue });
  if (parsed.success) return parsed.data;
  const { message, details } = validationError(parsed.error.issues);
  throw new UserError("bad_request", message, details);
}

function callbackOf(body: Callback) {
  const hasError = body.error_code !== undefined || body.error_message !== undefined;
  return {
    status: body.status,
    ...(body.result_data ? { result: body.result_data } : {}),
    ...(hasError ? { error: { code: body.error_code ?? "failed", message: body.error_message ?? "" } } : {}),
    ...(body.status === "needs_human" && body.result_summary ? { instructions: body.result_summary } : {}),
  };
}
