import { randomBytes } from "node:crypto";
import { agentAnswerBytes, agentHeaders, agentRequestBytes, signatureMatches, signBytes } from "@valet/contracts/node";
import { deadlineSignal, err, ok, type Clock, type Result, type Secret } from "@valet/shared";
import type { DriverError } from "../driver.ts";

export interface AgentAddress {
  /** `http://<address>:<port>`, no trailing slash. */
  url: string;
  key: Secret;
}
export interface AgentCallOptions {
  clock: Clock;
  /** One try, whole: connecting, answer and body. Default 5 s. */
  timeoutMs?: number;
}
export interface AgentReply {
  status: number;
  json: unknown;
}
export interface AgentRequest {
  method: "GET" | "POST";
  path: string;
  body?: Record<string, unknown>;
}

/** A request as it leaves us: the same bytes and signature whichever way it takes. */
export interface SignedRequest {
  method: "GET" | "POST";
  path: string;
  signed: SignatureHeaders;
  /** "" for none. */
  body: string;
}
export interface SignatureHeaders {
  timestamp: string;
  nonce: string;
  signature: string;
}
/** What came back, believed only once its signature was checked. */
export interface RawAnswer {
  status: number;
  signed: Pick<SignatureHeaders, "timestamp" | "signature">;
  body: string;
}
/** One way to an agent. Throws when there is no answer in time; carries, and neither signs nor checks. */
export interface AgentTransport {
  /** For messages: an address, or by which detour. */
  name: string;
  send(request: SignedRequest, timeoutMs: number, signal: AbortSignal): Promise<RawAnswer>;
}

const defaultTimeoutMs = 5_000;
const longestAnswerBytes = 4_000_000;

/**
 * One signed request to an agent. The answer must be signed with the same key over the nonce we sent: anything else may come
 * from anybody and counts as unreachable. A signed 401 shows the agent's clock; it is then asked once more by that clock, so
 * that a skewed one locks nobody out.
 */
export async function callAgent(
  to: { transport: AgentTransport; key: Secret },
  request: AgentRequest,
  options: AgentCallOptions,
  signal: AbortSignal,
): Promise<Result<AgentReply, DriverError>> {
  const first = await sendOnce(to, request, options.clock.now(), options, signal);
  if (!first.ok || first.value.status !== 401) return first;
  return sendOnce(to, request, first.value.agentNow, options, signal);
}

async function sendOnce(
  { transport, key: secret }: { transport: AgentTransport; key: Secret },
  request: AgentRequest,
  timestampMs: number,
  options: AgentCallOptions,
  signal: AbortSignal,
): Promise<Result<AgentReply & { agentNow: number }, DriverError>> {
  const { method, path } = request;
  const body = request.body === undefined ? "" : JSON.stringify(request.body);
  const key = secret.reveal();
  const timestamp = String(Math.round(timestampMs));
  const nonce = randomBytes(16).toString("hex");
  const signature = signBytes(key, agentRequestBytes(timestamp, nonce, method, path, body));
  try {
    const timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
    const answer = await transport.send(
      { method, path, signed: { timestamp, nonce, signature }, body },
      timeoutMs,
      signal,
    );
    const { status, signed, body: text } = answer;
    if (!signatureMatches(key, agentAnswerBytes(signed.timestamp, nonce, status, text), signed.signature)) {
      return err({
        kind: "unreachable",
        message: `the answer of ${transport.name}${path} (${status}) is not signed with this sandbox's key`,
      });
    }
    return ok({ status, json: JSON.parse(text) as unknown, agentNow: Number(signed.timestamp) });
  } catch (error) {
    // A caller that gave up is not told that the host is unreachable.
    if (signal.aborted) throw error;
    return err({ kind: "unreachable", message: `${method} ${transport.name}${path}: ${causeOf(error)}` });
  }
}

/** Straight to the agent's port. */
export function httpTransport(url: string): AgentTransport {
  return {
    name: url,
    async send({ method, path, signed, body }, timeoutMs, signal) {
      const headers: Record<string, string> = {
        [agentHeaders.timestamp]: signed.timestamp,
        [agentHeaders.nonce]: signed.nonce,
        [agentHeaders.signature]: signed.signature,
      };
      if (body !== "") headers["content-type"] = "application/json";
      const response = await fetch(`${url}${path}`, {
        method,
        headers,
        ...(body === "" ? {} : { body }),
        redirect: "error",
        signal: deadlineSignal(timeoutMs, signal),
      });
      return {
        body: await readLimited(response),
        status: response.status,
        signed: {
          timestamp: response.headers.get(agentHeaders.timestamp) ?? "",
          signature: response.headers.get(agentHeaders.signature) ?? "",
        },
      };
    },
  };
}

async function readLimited(response: Response): Promise<string> {
  const reader = response.body?.getReader();
  if (!reader) return "";
  const chunks: Uint8Array[] = [];
  for (let size = 0; ;) {
    const { done, value } = await reader.read();
    if (done) return Buffer.concat(chunks).toString("utf8");
    size += value.byteLength;
    if (size > longestAnswerBytes) {
      await reader.cancel();
      throw new Error(`the answer is longer than ${longestAnswerBytes} bytes`);
    }
    chunks.push(value);
  }
}

/** fetch hides the reason (ECONNREFUSED and the like) in `cause`. */
function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
