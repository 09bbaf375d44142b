import { createHash } from "node:crypto";
import {
  type DeployWebhook,
  deployWebhookErrors,
  deployWebhookSchema,
  environmentSchema,
  explainIssue,
  routes,
  webhookMaxAgeMs,
  webhookMaxAheadMs,
} from "@valet/contracts";
import { signatureMatches } from "@valet/contracts/node";
import { type DeployRow, type Tx, appendAudit, findReceipt, loadDeploy, storeReceipt, upsertRelease } from "@valet/db";
import { UserError } from "@valet/shared";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { acceptRawBytes, parseJson } from "../content-types.ts";
import type { ApiContext } from "../context.ts";
import { wishDeploy, wishRollback } from "../deploy-intent.ts";
import { mount } from "../mount.ts";
import { forRollback, settingsOf } from "../rollout-settings.ts";
import { validationError } from "../validation.ts";
import { bytesOf, headerOf, makeRefusal, plainError, webhookBodyLimitBytes } from "../webhook-answers.ts";

const service = "ghosthands";
const actor = "webhook";
const rollbackTrigger = "webhook rollback";

/** POST /api/v1/webhooks/ghosthands/deploy: the signature is the login. Verified over the raw bytes before anything parses them. */
export function deployWebhookRoutes(app: FastifyInstance, context: ApiContext): void {
  const { config, clock } = context;
  acceptRawBytes(app, webhookBodyLimitBytes);
  const refuse = makeRefusal(app);
  const keys = [config.VALET_DEPLOY_WEBHOOK_SECRET, config.VALET_DEPLOY_WEBHOOK_SECRET_PREVIOUS].filter(
    (key) => key !== undefined,
  );

  mount(
    app,
    routes.deployWebhook,
    async ({ request, reply }) => {
      if (keys.length === 0) return plainError(reply, 503, deployWebhookErrors.notConfigured);
      const signature = headerOf(request, "x-gh-webhook-signature");
      if (signature === null) return refuse(request, reply, deployWebhookErrors.missingSignature);
      const bytes = bytesOf(request);
      if (!keys.some((key) => signatureMatches(key.reveal(), bytes, signature)))
        return refuse(request, reply, deployWebhookErrors.invalidSignature);

      const event = readEvent(request, bytes);
      assertFresh(event.timestamp, clock.now());
      const { deploy, message } = await receive(context, event, createHash("sha256").update(bytes).digest("hex"));
      return {
        received: true as const,
        deploy_id: deploy.id,
        environment: event.environment,
        image_tag: goesTo(event, deploy),
        message,
      };
    },
    { uncounted: true, bodyLimitBytes: webhookBodyLimitBytes },
  );
}

/** Parses the verified body; its event and environment must be the ones in the headers. */
function readEvent(request: FastifyRequest, bytes: Buffer): DeployWebhook {
  const parsed = deployWebhookSchema.safeParse(parseJson(bytes.toString("utf8")) ?? {}, { error: explainIssue });
  if (!parsed.success) throw validationError(parsed.error.issues);
  const event = parsed.data;
  const environment = environmentSchema.safeParse(headerOf(request, "x-gh-environment"));
  if (!environment.success || environment.data !== event.environment)
    throw mismatch("X-GH-Environment", `must name the body's environment, ${event.environment}`);
  const name = headerOf(request, "x-gh-event")?.replace(/^ghosthands\./, "");
  if (name !== event.event.replace(/^ghosthands\./, ""))
    throw mismatch("X-GH-Event", `must name the body's event, ${event.event.replace(/^ghosthands\./, "")}`);
  return event;
}

function mismatch(field: string, message: string): UserError {
  return new UserError("validation", `${field} ${message}.`, [{ field, message, code: "mismatch" }]);
}

function assertFresh(timestamp: string, nowMs: number): void {
  const ageMs = nowMs - Date.parse(timestamp);
  if (ageMs > webhookMaxAgeMs)
    throw new UserError("stale_timestamp", `The timestamp ${timestamp} is more than 24 h old. Sign a new body.`);
  if (-ageMs > webhookMaxAheadMs)
    throw new UserError(
      "stale_timestamp",
      `The timestamp ${timestamp} is more than 5 min ahead. Check the sender's clock.`,
    );
}

/** Starts what the event asks for, once: the same body, or the same run while its deploy is alive or completed, starts nothing. */
async function receive(context: ApiContext, event: DeployWebhook, bodySha256: string) {
  const { db, autoDeploy } = context;
  const isRollback = event.event === "ghosthands.rollback";
  const isAuto = isRollback || (await autoDeploy.isOn(event.environment));
  const receipt = {
    bodySha256,
    runKey: JSON.stringify([event.repository, event.run_id, event.environment, event.image_tag, event.event]),
    sentAt: new Date(event.timestamp),
  };
  return db.tx(async (tx) => {
    const before = await findReceipt(tx, receipt);
    const known = before && (await loadDeploy(tx, before.deployId));
    if (known) return { deploy: known, message: `Deploy of ${known.imageTag} was received before` };
    const deploy = isRollback ? await rollBack(tx, context, event) : await start(tx, context, event, isAuto);
    await storeReceipt(tx, { ...receipt, deployId: deploy.id });
    await appendAudit(tx, {
      actor,
      action: isRollback ? "deploy.rollback" : "deploy.create",
      subject: deploy.id,
      data: { repository: event.repository, runId: event.run_id, imageTag: event.image_tag, isAuto },
    });
    return { deploy, message: messageOf(event, deploy) };
  });
}

async function start(
  tx: Tx,
  { config }: ApiContext,
  event: DeployWebhook & { event: "ghosthands.deploy_ready" },
  isAuto: boolean,
): Promise<DeployRow> {
  const release = await upsertRelease(tx, {
    service,
    version: event.image_tag,
    image: event.image,
    imageTag: event.image_tag,
    imageDigest: event.image_digest ?? null,
    commitSha: event.commit_sha,
    commitMessage: event.commit_message,
    repository: event.repository,
  });
  const settings = await settingsOf(tx, config.VALET_ROLLOUT_DEFAULTS, { environment: event.environment, service });
  return wishDeploy(tx, {
    environment: event.environment,
    service,
    release,
    settings,
    state: isAuto ? "queued" : "awaiting_trigger",
    stateReason: isAuto
      ? `auto-deploy is on for ${event.environment}`
      : `auto-deploy is off for ${event.environment}: somebody has to trigger it`,
    trigger: "webhook",
    createdBy: actor,
  });
}

async function rollBack(
  tx: Tx,
  { config }: ApiContext,
  event: DeployWebhook & { event: "ghosthands.rollback" },
): Promise<DeployRow> {
  const settings = await settingsOf(tx, config.VALET_ROLLOUT_DEFAULTS, { environment: event.environment, service });
  return wishRollback(tx, {
    environment: event.environment,
    service,
    settings: forRollback(settings),
    imageTag: event.image_tag === "" ? null : event.image_tag,
    imageDigest: event.image_digest,
    trigger: rollbackTrigger,
    actor,
    reason: event.triggered_by ? `asked for by ${event.triggered_by}` : "",
  });
}

/** The tag that hosts will run: a rollback of a deploy under way goes to what was there before it. */
function goesTo(event: DeployWebhook, deploy: DeployRow): string {
  const isRequest = event.event === "ghosthands.rollback" && deploy.trigger !== rollbackTrigger;
  return isRequest ? (deploy.previousTag ?? event.image_tag) : deploy.imageTag;
}

function messageOf(event: DeployWebhook, deploy: DeployRow): string {
  const tag = goesTo(event, deploy);
  if (event.event === "ghosthands.rollback") return `Rollback to ${tag} started`;
  if (deploy.state === "awaiting_approval") return `Deploy of ${tag} awaits approval by a second person`;
  return deploy.state === "awaiting_trigger"
    ? `Deploy of ${tag} awaits its trigger; admins were told`
    : `Deploy of ${tag} started`;
}
