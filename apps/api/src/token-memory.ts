import type { Clock } from "@valet/shared";

/** A token that was good keeps being good for this long without another look: that long may a revoked one still pass. */
export const tokenMemoryMs = 1_000;
const mostRemembered = 10_000;

/**
 * Spares the database a look-up for each request of a burst. Only found owners are remembered, never a refusal. `look` answers
 * undefined for an unknown token.
 */
export function rememberTokens<T>(
  look: (token: string) => Promise<T | undefined>,
  clock: Pick<Clock, "monotonicMs">,
): (token: string) => Promise<T | undefined> {
  const known = new Map<string, { owner: T; untilMs: number }>();
  return async (token) => {
    const found = known.get(token);
    if (found && clock.monotonicMs() < found.untilMs) return found.owner;
    known.delete(token);
    const owner = await look(token);
    if (owner === undefined) return undefined;
    known.set(token, { owner, untilMs: clock.monotonicMs() + tokenMemoryMs });
    const oldest = known.keys().next().value;
    if (known.size > mostRemembered && oldest !== undefined) known.delete(oldest);
    return owner;
  };
}
