import { randomUUID } from "node:crypto";
import { signBytes } from "@valet/contracts/node";
import { deployWebhookReplySchema } from "@valet/contracts";

/** Announces a release as the GHOST-HANDS pipeline does: a signed POST of the exact bytes. Returns the deploy's id. */
export async function announceRelease(
  apiUrl: string,
  secret: string,
  release: { tag: string; digest: string; message: string; environment: string },
): Promise<string> {
  const body = JSON.stringify(
    {
      event: "ghosthands.deploy_ready",
      image: `ghosthands:${release.tag}`,
      image_tag: release.tag,
      image_latest: "ghosthands:latest",
      image_digest: release.digest,
      commit_sha: release.digest.slice(7, 47),
      commit_message: release.message,
      branch: "main",
      environment: release.environment,
      repository: "valet/ghost-hands",
      run_id: randomUUID(),
      run_url: "http://127.0.0.1/runs/local",
      timestamp: new Date().toISOString(),
    },
    null,
    2,
  );
  const response = await fetch(`${apiUrl}/api/v1/webhooks/ghosthands/deploy`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "x-gh-webhook-signature": signBytes(secret, body),
      "x-gh-event": "deploy_ready",
      "x-gh-environment": release.environment,
    },
    body,
    signal: AbortSignal.timeout(10_000),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`the deploy webhook answered ${response.status}: ${text}`);
  return deployWebhookReplySchema.parse(JSON.parse(text)).deploy_id;
}
