import { agentAnswerBytes, agentHeaders, agentRequestBytes, signatureMatches, signBytes } from "@valet/contracts/node";
import type { Secret } from "@valet/shared";

/** Older or further ahead than this: refused, with a signed challenge that carries our time. */
export const longestSkewMs = 60_000;
const mostNonces = 20_000;

export interface IncomingRequest {
  method: string;
  /** Path with query, as sent. */
  path: string;
  headers: Record<string, string | undefined>;
  body: string;
  peerAddress: string;
}

export type Caller =
  | { kind: "signed"; nonce: string }
  /** No signature; may read what is public. */
  | { kind: "anonymous" }
  | { kind: "refused"; reason: string; nonce: string | undefined };

export interface Authenticator {
  /** A request that carries any signature header must verify; one that carries none is anonymous. */
  identify(request: IncomingRequest): Caller;
  /** Headers that prove an answer ours, and an answer to this very request. */
  signAnswer(nonce: string, status: number, body: string): Record<string, string>;
}

/** A nonce that is safe to sign for: it keeps a signed answer from ever reading as a signed request. */
export const isNonce = (text: string | undefined): text is string =>
  text !== undefined && /^[A-Za-z0-9_-]{8,128}$/.test(text);

/** Signatures of commands and answers with the sandbox's own key. A nonce is taken once while its timestamp is acceptable. */
export function makeAuthenticator(
  key: Secret,
  now: () => number,
  monotonicNow: () => number = () => performance.now(),
): Authenticator {
  const seen = new Map<string, number>();
  const startedAt = monotonicNow();
  // On the clock as it stands now: one that was set back must not lock out whoever signs from then on.
  const startedAtMs = (): number => now() - (monotonicNow() - startedAt);

  function isReplay(nonce: string): boolean {
    for (const [old, expiresAtMs] of seen) {
      if (expiresAtMs > now() && seen.size < mostNonces) break;
      seen.delete(old);
    }
    if (seen.has(nonce)) return true;
    seen.set(nonce, now() + 2 * longestSkewMs);
    return false;
  }

  return {
    identify({ method, path, headers, body }) {
      const timestamp = headers[agentHeaders.timestamp];
      const nonce = headers[agentHeaders.nonce];
      const signature = headers[agentHeaders.signature];
      if (timestamp === undefined && nonce === undefined && signature === undefined) return { kind: "anonymous" };
      if (!isNonce(nonce)) {
        return { kind: "refused", reason: "x-valet-nonce must be 8 to 128 letters, digits, _ or -", nonce: undefined };
      }
      if (timestamp === undefined || !/^\d{1,16}$/.test(timestamp)) {
        return { kind: "refused", reason: "x-valet-timestamp must be milliseconds since 1970", nonce };
      }
      const bytes = agentRequestBytes(timestamp, nonce, method, path, body);
      if (signature === undefined || !signatureMatches(key.reveal(), bytes, signature)) {
        return { kind: "refused", reason: "the signature does not match", nonce };
      }
      const skewMs = Math.abs(now() - Number(timestamp));
      if (skewMs > longestSkewMs) {
        return {
          kind: "refused",
          reason: `the timestamp is ${Math.round(skewMs / 1000)} s off this host's clock`,
          nonce,
        };
      }
      // Nonces are forgotten with the process: what was signed before it started might be a replay.
      if (Number(timestamp) < startedAtMs())
        return { kind: "refused", reason: "it was signed before this agent started", nonce };
      if (isReplay(nonce)) return { kind: "refused", reason: "this nonce was used before", nonce };
      return { kind: "signed", nonce };
    },
    signAnswer(nonce, status, body) {
      const timestamp = String(now());
      return {
        [agentHeaders.timestamp]: timestamp,
        [agentHeaders.nonce]: nonce,
        [agentHeaders.signature]: signBytes(key.reveal(), agentAnswerBytes(timestamp, nonce, status, body)),
      };
    },
  };
}

/**
 * The documented `curl -X POST :8000/deploy` on the host itself: from loopback, JSON, and nothing that a browser adds. A web page can
 * make the host's browsers send requests here, but not without those headers.
 */
export function isPlainLocal({ headers, peerAddress }: IncomingRequest): boolean {
  const isLoopback = /^(?:::ffff:)?127\.\d+\.\d+\.\d+$|^::1$/.test(peerAddress);
  const isJson = /^application\/json\s*(?:;|$)/i.test(headers["content-type"] ?? "");
  const isFromBrowser = Object.keys(headers).some((name) => name === "origin" || name.startsWith("sec-fetch-"));
  return isLoopback && isJson && !isFromBrowser;
}
