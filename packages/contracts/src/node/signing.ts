import { createHmac, timingSafeEqual } from "node:crypto";

/** HMAC-SHA256 of exactly these bytes, as `sha256=` and 64 hex digits. */
export function signBytes(key: string, bytes: string | Uint8Array): string {
  return `sha256=${createHmac("sha256", key).update(bytes).digest("hex")}`;
}

/** Constant-time comparison; anything that is not `sha256=` and 64 hex digits is simply false. */
export function signatureMatches(key: string, bytes: string | Uint8Array, signature: string): boolean {
  if (!/^sha256=[0-9a-f]{64}$/i.test(signature)) return false;
  const expected = Buffer.from(signBytes(key, bytes).slice(7), "hex");
  return timingSafeEqual(expected, Buffer.from(signature.slice(7), "hex"));
}

export const agentHeaders = {
  timestamp: "x-valet-timestamp",
  nonce: "x-valet-nonce",
  signature: "x-valet-signature",
} as const;

/** What is signed on the way to an agent: `timestamp.nonce.METHOD.path.body`. Timestamp in ms since 1970. */
export function agentRequestBytes(
  timestamp: string,
  nonce: string,
  method: string,
  path: string,
  body: string,
): string {
  return `${timestamp}.${nonce}.${method.toUpperCase()}.${path}.${body}`;
}

/** What an agent signs in its answers: `timestamp.nonce.status.body`, with the nonce of the request. */
export function agentAnswerBytes(timestamp: string, nonce: string, status: number, body: string): string {
  return `${timestamp}.${nonce}.${status}.${body}`;
}
