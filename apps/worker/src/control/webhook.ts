import { createHmac } from "node:crypto";
import type { TaskRow, WebhookNote } from "@valet/db";
import { type Result, type Secret, err, ok } from "@valet/shared";
import { Webhook } from "standardwebhooks";
import { Agent, fetch } from "undici";
import { messageOf } from "../log.ts";
import { PrivateAddressError, isAllowed, publicLookup, refusalOf } from "./private-address.ts";

/** `gone`: trying again is pointless. `later`: it may work another time. */
export type WebhookFailure = { kind: "gone" | "later"; message: string };

/**
 * The tenant's Standard Webhooks secret (`whsec_…`), derived from the seal key: there is nothing to store, and rotating the
 * seal key rotates it.
 */
export function webhookSecret(sealKey: Secret, tenantId: string): string {
  return `whsec_${createHmac("sha256", sealKey.reveal()).update(`task-webhook:${tenantId}`).digest("base64")}`;
}

/** What a client is told: `{type: "task.completed", timestamp, data}`. Unsigned fields do not exist: the whole body is signed. */
export function webhookBody(task: TaskRow, note: Pick<WebhookNote, "state" | "at">): string {
  return JSON.stringify({
    type: `task.${note.state}`,
    timestamp: note.at.toISOString(),
    data: {
      taskId: task.id,
      state: note.state,
      stateReason: task.stateReason,
      attemptCount: task.attemptCount,
      result: task.result,
      error: task.error,
      metadata: task.metadata,
      createdAt: task.createdAt.toISOString(),
      endedAt: task.endedAt?.toISOString() ?? null,
    },
  });
}

export interface WebhookCall {
  url: string;
  /** The same for every try, so that the receiver can drop repetitions. */
  messageId: string;
  secret: string;
  body: string;
  allowedPrivateHosts: ReadonlySet<string>;
  timeoutMs?: number;
  now?: () => Date;
}

const publicOnly = new Agent({ connect: { lookup: publicLookup, timeout: 5_000 } });
const anywhere = new Agent({ connect: { timeout: 5_000 } });

/** Signs and posts once. Redirects are not followed: the place they lead to was not checked. */
export async function callWebhook(call: WebhookCall): Promise<Result<true, WebhookFailure>> {
  const url = new URL(call.url);
  const refusal = refusalOf(url, call.allowedPrivateHosts);
  if (refusal) return err({ kind: "gone", message: refusal });
  const sentAt = (call.now ?? (() => new Date()))();
  try {
    const response = await fetch(url, {
      method: "POST",
      redirect: "manual",
      dispatcher: isAllowed(url, call.allowedPrivateHosts) ? anywhere : publicOnly,
      signal: AbortSignal.timeout(call.timeoutMs ?? 10_000),
      headers: {
        "content-type": "application/json",
        "user-agent": "valet-webhooks/1",
        "webhook-id": call.messageId,
        "webhook-timestamp": String(Math.floor(sentAt.getTime() / 1000)),
        "webhook-signature": new Webhook(call.secret).sign(call.messageId, sentAt, call.body),
      },
      body: call.body,
    });
    await response.body?.cancel();
    if (response.ok) return ok(true);
    const message = `${url.host} answered ${response.status}`;
    return err({ kind: response.status === 410 ? "gone" : "later", message });
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    const isRefused = error instanceof PrivateAddressError || cause instanceof PrivateAddressError;
    return err({ kind: isRefused ? "gone" : "later", message: messageOf(error) });
  }
}
