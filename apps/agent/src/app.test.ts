import { agentAnswerBytes, agentHeaders, agentRequestBytes, signatureMatches, signBytes } from "@valet/contracts/node";
import { Secret } from "@valet/shared";
import { describe, expect, it } from "vitest";
import { type AppDeps, answerTo } from "./app.ts";
import { makeAuthenticator } from "./authenticate.ts";

const key = "a-key-of-this-sandbox";
const now = () => 1_800_000_000_000;

/** An agent whose disk is full at the moment of any question. */
function fullDisk(): AppDeps {
  const deps: Partial<AppDeps> = {
    open: { host: { config: { dataDir: "/opt/valet/agent" } } } as AppDeps["open"],
    views: {
      health: () => Promise.reject(Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" })),
      generations: () => Promise.resolve([]),
    },
    authenticator: makeAuthenticator(new Secret(key), now, () => 0),
    now,
    log: () => undefined,
  };
  return deps as AppDeps;
}

describe("an answer that broke on the way", () => {
  it("F20: is signed like any other, so that its reason reaches whoever asked", async () => {
    const nonce = "nonce-0123456789";
    const timestamp = String(now());
    const signature = signBytes(key, agentRequestBytes(timestamp, nonce, "GET", "/health", ""));
    const answer = await answerTo(fullDisk(), {
      method: "GET",
      path: "/health",
      body: "",
      headers: {
        [agentHeaders.timestamp]: timestamp,
        [agentHeaders.nonce]: nonce,
        [agentHeaders.signature]: signature,
      },
      peerAddress: "10.0.0.7",
    });
    expect(answer.status).toBe(503);
    expect(String(answer.body)).toContain("disk");
    const bytes = agentAnswerBytes(String(now()), nonce, 503, String(answer.body));
    expect(signatureMatches(key, bytes, answer.headers?.[agentHeaders.signature] ?? "")).toBe(true);
  });
});
