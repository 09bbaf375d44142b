import type { Clock, Result } from "@valet/shared";
import type { DriverError } from "../driver.ts";
import {
  type AgentAddress,
  type AgentCallOptions,
  type AgentReply,
  type AgentRequest,
  type AgentTransport,
  callAgent,
  httpTransport,
} from "./agent-http.ts";

export type CallBestWay = (
  sandboxId: string,
  address: AgentAddress,
  request: AgentRequest,
  signal: AbortSignal,
) => Promise<Result<AgentReply, DriverError>>;

/** How long the detour is taken first once it was the only way; then port 8000 is tried again. */
const detourMs = 60_000;

export type Ask<T> = () => Promise<Result<T, DriverError>>;
export type ChooseWay = <T>(sandboxId: string, direct: Ask<T>, detour: Ask<T>) => Promise<Result<T, DriverError>>;

/**
 * Port 8000 first; when nobody answers there, the connection that the agent itself holds to the API. A command may arrive both
 * ways: its epoch lets it act once. Which way worked is remembered for a while, so that a firewall costs one timeout, not one a call.
 */
export function makeWayChoice(clock: Pick<Clock, "now">): ChooseWay {
  const detourUntilMs = new Map<string, number>();
  return async (sandboxId, direct, detour) => {
    const isDetourKnown = (detourUntilMs.get(sandboxId) ?? 0) > clock.now();
    if (isDetourKnown) {
      const relayed = await detour();
      if (relayed.ok) return relayed;
      detourUntilMs.delete(sandboxId);
      return direct();
    }
    const answer = await direct();
    if (answer.ok) return answer;
    const relayed = await detour();
    if (!relayed.ok) return answer;
    detourUntilMs.set(sandboxId, clock.now() + detourMs);
    return relayed;
  };
}

/** One signed call to an agent, by whichever way there is to it. */
export function makeBestWay(
  options: AgentCallOptions & { clock: Clock; relay?: (sandboxId: string) => AgentTransport },
): CallBestWay {
  const choose = makeWayChoice(options.clock);
  const { relay } = options;
  return async (sandboxId, address, request, signal) => {
    const direct = () =>
      callAgent({ transport: httpTransport(address.url), key: address.key }, request, options, signal);
    if (!relay) return direct();
    const detour = () => callAgent({ transport: relay(sandboxId), key: address.key }, request, options, signal);
    return choose(sandboxId, direct, detour);
  };
}
