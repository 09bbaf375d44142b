import { agentAnswerBytes, agentHeaders, agentRequestBytes, signatureMatches, signBytes } from "@valet/contracts/node";
import { Secret } from "@valet/shared";
import { describe, expect, it } from "vitest";
import { type IncomingRequest, isPlainLocal, makeAuthenticator } from "./authenticate.ts";

const key = "a-key-of-this-sandbox";
let nowMs = 1_800_000_000_000;
let monotonicMs = 0;
const make = () =>
  makeAuthenticator(
    new Secret(key),
    () => nowMs,
    () => monotonicMs,
  );
const pass = (ms: number): void => {
  nowMs += ms;
  monotonicMs += ms;
};

function request(
  overrides: { key?: string; nonce?: string; atMs?: number; body?: string; path?: string } = {},
): IncomingRequest {
  const { nonce = "nonce-0123456789", atMs = nowMs, body = '{"epoch":1}', path = "/fence" } = overrides;
  const timestamp = String(atMs);
  const signature = signBytes(overrides.key ?? key, agentRequestBytes(timestamp, nonce, "POST", path, body));
  const headers = {
    [agentHeaders.timestamp]: timestamp,
    [agentHeaders.nonce]: nonce,
    [agentHeaders.signature]: signature,
  };
  return { method: "POST", path, body, headers, peerAddress: "10.0.0.7" };
}

describe("who asks", () => {
  it("a signed request is known, once: the same nonce again is refused", () => {
    const authenticator = make();
    expect(authenticator.identify(request())).toEqual({ kind: "signed", nonce: "nonce-0123456789" });
    expect(authenticator.identify(request())).toMatchObject({ kind: "refused", reason: "this nonce was used before" });
    expect(authenticator.identify(request({ nonce: "nonce-abcdefghij" }))).toMatchObject({ kind: "signed" });
  });

  it.each([
    ["another key", () => request({ key: "another-sandbox's-key" })],
    ["another body", () => ({ ...request(), body: '{"epoch":2}' })],
    ["another path", () => ({ ...request(), path: "/drain" })],
    ["another method", () => ({ ...request(), method: "PUT" })],
    [
      "a signature that is no hex",
      () => {
        const wrong = request();
        return { ...wrong, headers: { ...wrong.headers, [agentHeaders.signature]: `sha256=${"z".repeat(64)}` } };
      },
    ],
    [
      "no signature",
      () => {
        const wrong = request();
        return { ...wrong, headers: { ...wrong.headers, [agentHeaders.signature]: undefined } };
      },
    ],
    ["a nonce that could carry more", () => request({ nonce: 'x.POST./deploy.{"image_tag":"v1"}' })],
  ])("F41: %s is refused", (_what, make_) => {
    expect(make().identify(make_())).toMatchObject({ kind: "refused" });
  });

  it("a minute of skew either way is the most, and what was signed before the start may be a replay", () => {
    const authenticator = make();
    const start = nowMs;
    pass(120_000);
    expect(authenticator.identify(request({ atMs: nowMs - 59_000 }))).toMatchObject({ kind: "signed" });
    expect(authenticator.identify(request({ atMs: nowMs - 61_000, nonce: "nonce-2-012345" }))).toMatchObject({
      kind: "refused",
    });
    expect(authenticator.identify(request({ atMs: nowMs + 61_000, nonce: "nonce-3-012345" }))).toMatchObject({
      kind: "refused",
    });
    const restarted = make();
    expect(restarted.identify(request({ atMs: nowMs - 1000, nonce: "nonce-4-012345" }))).toMatchObject({
      kind: "refused",
    });
    nowMs = start;
  });

  it("F42: a clock that was set back while the agent runs locks nobody out", () => {
    const authenticator = make();
    pass(10_000);
    nowMs -= 2 * 3_600_000;
    expect(authenticator.identify(request({ nonce: "nonce-5-012345" }))).toMatchObject({ kind: "signed" });
    pass(1000);
    expect(authenticator.identify(request({ atMs: nowMs - 12_000, nonce: "nonce-6-012345" }))).toMatchObject({
      reason: "it was signed before this agent started",
    });
    nowMs += 2 * 3_600_000;
  });

  it("a request without signature headers is anonymous, whatever else it says", () => {
    expect(make().identify({ ...request(), headers: {} })).toEqual({ kind: "anonymous" });
  });

  it("answers are signed for the nonce that was asked with", () => {
    const headers = make().signAnswer("nonce-0123456789", 409, '{"error":"stale_epoch"}');
    const bytes = agentAnswerBytes(String(nowMs), "nonce-0123456789", 409, '{"error":"stale_epoch"}');
    expect(signatureMatches(key, bytes, headers[agentHeaders.signature] ?? "")).toBe(true);
  });
});

describe("the documented plain curl on the host itself", () => {
  const curl = {
    method: "POST",
    path: "/deploy",
    body: "{}",
    headers: { "content-type": "application/json" },
    peerAddress: "127.0.0.1",
  };
  it.each([
    ["from loopback with a JSON type", curl, true],
    ["from another loopback address", { ...curl, peerAddress: "127.0.0.11" }, true],
    ["over IPv6", { ...curl, peerAddress: "::1" }, true],
    ["mapped into IPv6", { ...curl, peerAddress: "::ffff:127.0.0.1" }, true],
    ["from the network", { ...curl, peerAddress: "10.0.0.7" }, false],
    ["as a form", { ...curl, headers: { "content-type": "text/plain" } }, false],
    ["by a page", { ...curl, headers: { ...curl.headers, origin: "http://evil.example" } }, false],
    ["by a browser", { ...curl, headers: { ...curl.headers, "sec-fetch-site": "cross-site" } }, false],
  ])("%s: %o -> %s", (_what, asked, allowed) => {
    expect(isPlainLocal(asked)).toBe(allowed);
  });
});
