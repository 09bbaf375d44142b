import { makeApiClient, type RelayedAnswer, type RelayedCommand } from "@valet/contracts";
import { agentHeaders } from "@valet/contracts/node";
import { type Clock, deadlineSignal, type Secret } from "@valet/shared";
import { type AppDeps, answerTo, failed } from "./app.ts";
import type { Answer } from "./commands.ts";

export interface DialOutRuntime {
  clock: Clock;
  random: () => number;
  signal: AbortSignal;
  /** Instead of the API's own; for tests. */
  fetch?: typeof fetch;
}

const waitMs = 25_000;
const pollTimeoutMs = waitMs + 10_000;
const answerTimeoutMs = 10_000;
const shortestPauseMs = 200;
const longestPauseMs = 5_000;

/**
 * The agent's own connection to the API, held for as long as it runs: commands that cannot reach port 8000 arrive here. They are
 * identified exactly as there (signature, nonce, epoch) and must be signed; the API that carries them is not trusted with more.
 */
export async function dialOut(deps: AppDeps, api: { url: string; token: Secret }, runtime: DialOutRuntime) {
  const { clock, signal } = runtime;
  const client = makeApiClient({ baseUrl: api.url, token: api.token.reveal(), ...pick(runtime.fetch) });
  const within = (ms: number) => deadlineSignal(ms, signal);
  let failures = 0;

  async function serve(commands: readonly RelayedCommand[]): Promise<void> {
    const answers = await Promise.all(commands.map((command) => relayedAnswer(deps, command)));
    await client.agentAnswers({ body: { answers }, signal: within(answerTimeoutMs) });
  }

  while (!signal.aborted) {
    try {
      const { commands } = await client.agentCommands({ query: { waitMs }, signal: within(pollTimeoutMs) });
      if (failures > 0) deps.log("dialled_in", { api: api.url, afterFailures: failures });
      failures = 0;
      // A slow command must not hold up the next: the epoch keeps their order.
      if (commands.length > 0) serve(commands).catch((error: unknown) => lost(deps, commands, error));
    } catch (error) {
      if (signal.aborted) return;
      if (failures === 0) deps.log("dial_out_failed", { api: api.url, error: messageOf(error) });
      failures += 1;
      const pauseMs = Math.min(longestPauseMs, shortestPauseMs * 2 ** Math.min(failures, 10));
      await clock.sleep(pauseMs * (0.5 + runtime.random() / 2), signal).catch(() => undefined);
    }
  }
}

/** Nobody else may answer for it: whoever asked sees no answer and asks again, with the same epoch. */
function lost(deps: AppDeps, commands: readonly RelayedCommand[], error: unknown): void {
  deps.log("relayed_answer_lost", { ids: commands.map(({ id }) => id), error: messageOf(error) });
}

async function relayedAnswer(deps: AppDeps, { id, method, path, signed, body }: RelayedCommand) {
  const headers = {
    "content-type": "application/json",
    [agentHeaders.timestamp]: signed.timestamp,
    [agentHeaders.nonce]: signed.nonce,
    [agentHeaders.signature]: signed.signature,
  };
  // Not a loopback address: what the host itself may do unsigned is not for the relay.
  const request = { method, path, headers, body, peerAddress: "relay" };
  const answer = await answerTo(deps, request).catch((error: unknown) => failed(deps, path, error));
  return toRelayed(id, signed.nonce, answer);
}

function toRelayed(id: string, nonce: string, { status, body, headers = {} }: Answer): RelayedAnswer {
  return {
    id,
    status,
    body: typeof body === "string" ? body : JSON.stringify(body),
    signed: {
      timestamp: headers[agentHeaders.timestamp] ?? "",
      nonce,
      signature: headers[agentHeaders.signature] ?? "",
    },
  };
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}

const pick = (send: typeof fetch | undefined) => (send ? { fetch: send } : {});
