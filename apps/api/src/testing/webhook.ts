import { signBytes } from "@valet/contracts/node";
import type { TestApi } from "./test-api.ts";
import { webhookSecret } from "./test-api.ts";

export const webhookUrl = "/api/v1/webhooks/ghosthands/deploy";

/** What the GHOST-HANDS pipeline sends. */
export function deployReady(overrides: Record<string, unknown> = {}) {
  return {
    event: "ghosthands.deploy_ready",
    image: "registry.example/ghosthands:abc123",
    image_tag: "abc123",
    image_latest: "registry.example/ghosthands:latest",
    commit_sha: "abc123def",
    commit_message: 'Fix the "quoted" thing: ünïcode & more',
    branch: "main",
    environment: "staging",
    repository: "acme/ghost-hands",
    run_id: "4711",
    run_url: "https://ci.example/runs/4711",
    timestamp: new Date().toISOString(),
    ...overrides,
  };
}

export interface SendOptions {
  secret?: string;
  headers?: Record<string, string | undefined>;
  raw?: string;
}

/** Signs and sends a body as the pipeline would. */
export function sendWebhook(api: TestApi, body: Record<string, unknown>, options: SendOptions = {}) {
  const bytes = options.raw ?? JSON.stringify(body);
  const headers: Record<string, string> = {};
  const all = {
    "content-type": "application/json",
    "x-gh-webhook-signature": signBytes(options.secret ?? webhookSecret, bytes),
    "x-gh-event": String(body.event).replace("ghosthands.", ""),
    "x-gh-environment": String(body.environment),
    ...options.headers,
  };
  for (const [name, value] of Object.entries(all)) if (value !== undefined) headers[name] = value;
  return api.app.inject({ method: "POST", url: webhookUrl, headers, payload: bytes });
}
