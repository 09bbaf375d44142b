import { randomBytes } from "node:crypto";
import { agentAnswerBytes, agentHeaders, agentRequestBytes, signatureMatches, signBytes } from "@valet/contracts/node";
import { err, ok, type Clock, type Result, type Secret } from "@valet/shared";
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

const defaultTimeoutMs = 5_000;
const longestAnswerBytes = 4_000_000;

/**
 * One signed request to an agent. The answer must be signed with the same key over the nonce we sent: anything else may come
 * from anybody and counts as unreachable. A signed 401 shows the agent's clock; it is then asked once more by that clock, so
 * that a skewed one locks nobody out.
 */
export async function callAgent(
  address: AgentAddress,
  request: AgentRequest,
  options: AgentCallOptions,
  signal: AbortSignal,
): Promise<Result<AgentReply, DriverError>> {
  const first = await sendOnce(address, request, options.clock.now(), options, signal);
  if (!first.ok || first.value.status !== 401) return first;
  const second = await sendOnce(address, request, first.value.agentNow, options, signal);
  return second;
}

async function sendOnce(
  address: AgentAddress,
  request: AgentRequest,
  timestampMs: number,
  options: AgentCallOptions,
  signal: AbortSignal,
): Promise<Result<AgentReply & { agentNow: number }, DriverError>> {
  const body = request.body === undefined ? "" : JSON.stringify(request.body);
  const key = address.key.reveal();
  const timestamp = String(Math.round(timestampMs));
  const nonce = randomBytes(16).toString("hex");
  const bytes = agentRequestBytes(timestamp, nonce, request.method, request.path, body);
  const headers: Record<string, string> = {
    [agentHeaders.timestamp]: timestamp,
    [agentHeaders.nonce]: nonce,
    [agentHeaders.signature]: signBytes(key, bytes),
  };
  if (request.body !== undefined) headers["content-type"] = "application/json";
  try {
    const response = await fetch(`${address.url}${request.path}`, {
      method: request.method,
      headers,
      ...(request.body === undefined ? {} : { body }),
      redirect: "error",
      signal: AbortSignal.any([signal, AbortSignal.timeout(options.timeoutMs ?? defaultTimeoutMs)]),
    });
    const text = await readLimited(response);
    const stamp = response.headers.get(agentHeaders.timestamp) ?? "";
    const signature = response.headers.get(agentHeaders.signature) ?? "";
    if (!signatureMatches(key, agentAnswerBytes(stamp, nonce, response.status, text), signature)) {
      return err({
        kind: "unreachable",
        message: `the answer of ${address.url}${request.path} (${response.status}) is not signed with this sandbox's key`,
      });
    }
    return ok({ status: response.status, json: JSON.parse(text) as unknown, agentNow: Number(stamp) });
  } catch (error) {
    // A caller that gave up is not told that the host is unreachable.
    if (signal.aborted) throw error;
    return err({ kind: "unreachable", message: `${request.method} ${address.url}${request.path}: ${causeOf(error)}` });
  }
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
