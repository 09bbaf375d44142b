import type { AgentHealth } from "@valet/contracts";
import { err, type Clock, type Result } from "@valet/shared";
import type { DriverError, HostDriver } from "./driver.ts";

/** How long a host that was silent the last time may hold up the others. */
export const patienceMs = 500;

export type Probe = (
  sandboxId: string,
  wasSilent: boolean,
  signal: AbortSignal,
) => Promise<Result<AgentHealth, DriverError>>;

/**
 * Observes hosts, one question a host at a time. A host that did not answer before gets only a moment; its answer is still waited
 * for in the background, so that one black hole among a hundred hosts does not slow a rollout down to its timeout.
 */
export function makeProbe({ driver, clock }: { driver: HostDriver; clock: Clock }): Probe {
  const asked = new Map<string, Promise<Result<AgentHealth, DriverError>>>();

  function ask(sandboxId: string, signal: AbortSignal): Promise<Result<AgentHealth, DriverError>> {
    const pending = asked.get(sandboxId);
    if (pending) return pending;
    const answer = driver.observe(sandboxId, signal).finally(() => asked.delete(sandboxId));
    asked.set(sandboxId, answer);
    return answer;
  }

  return async (sandboxId, wasSilent, signal) => {
    const answer = ask(sandboxId, signal);
    if (!wasSilent) return answer;
    const impatient = new AbortController();
    const late = clock
      .sleep(patienceMs, impatient.signal)
      .then((): Result<AgentHealth, DriverError> =>
        err({ kind: "unreachable", message: `still no answer after ${patienceMs} ms more` }),
      );
    try {
      return await Promise.race([answer, late]);
    } finally {
      // Whichever lost must not be reported as nobody's error later; the answer's own outcome is for the next pass.
      answer.catch(() => undefined);
      late.catch(() => undefined);
      impatient.abort();
    }
  };
}
