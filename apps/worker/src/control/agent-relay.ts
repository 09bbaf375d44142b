import { relayedAnswerSchema } from "@valet/contracts";
import { type Database, askThroughRelay, forgetRelayRequest, takeRelayAnswer } from "@valet/db";
import type { AgentTransport } from "@valet/rollout";
import type { Clock } from "@valet/shared";
import { ignoreAbort } from "../bell.ts";

export interface AgentRelay {
  /** The way to one sandbox's agent over the connection that it holds to the API. */
  transportOf(sandboxId: string): AgentTransport;
  /** An answer has arrived; "" for: perhaps several, look. */
  heard(id: string): void;
}

/** How often the answer is looked for without a notification. */
const recheckMs = 500;
const answerSchema = relayedAnswerSchema.omit({ id: true });

/**
 * Leaves the signed request in the database, where the API's long-poll finds it, and waits for the agent's signed answer. An agent
 * that has not dialled in is said so at once; a request that timed out is taken back.
 */
export function makeAgentRelay(db: Database, clock: Clock): AgentRelay {
  const waiting = new Map<string, () => void>();

  async function answerOf(id: string, timeoutMs: number, signal: AbortSignal) {
    const endsAtMs = clock.monotonicMs() + timeoutMs;
    for (;;) {
      const found = await takeRelayAnswer(db, id);
      if (found) return answerSchema.parse(found);
      signal.throwIfAborted();
      const leftMs = endsAtMs - clock.monotonicMs();
      if (leftMs <= 0) throw new Error(`the agent took no notice within ${timeoutMs} ms`);
      const woken = new AbortController();
      const wake = () => woken.abort();
      waiting.set(id, wake);
      signal.addEventListener("abort", wake, { once: true });
      await clock.sleep(Math.min(recheckMs, leftMs), woken.signal).catch(ignoreAbort);
      signal.removeEventListener("abort", wake);
      waiting.delete(id);
    }
  }

  return {
    heard(id) {
      if (id !== "") return waiting.get(id)?.();
      for (const wake of [...waiting.values()]) wake();
    },
    transportOf: (sandboxId) => ({
      name: "the agent's own connection to the API, ",
      async send(request, timeoutMs, signal) {
        const id = await askThroughRelay(db, { sandboxId, request: { ...request }, usableForMs: timeoutMs });
        if (id === undefined) throw new Error("the agent has not dialled in");
        try {
          return await answerOf(id, timeoutMs, signal);
        } catch (error) {
          await forgetRelayRequest(db, id);
          throw error;
        }
      },
    }),
  };
}
