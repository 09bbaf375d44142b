import type { HostStep } from "../model.ts";
import { hasTaken, isCordonedBy, type Observation, type SeenObservation } from "../observation.ts";
import { hostWaits, type Draft } from "./draft.ts";

/** How long a command that the host took may show no effect before it is given anew (the agent was killed in between). */
export const lostCommandMs = 10_000;
/** A host may fail to answer this long before it counts as away; an agent's own restart is shorter. */
export const unreachableGraceMs = 15_000;

/** Where the host's current command stands. `refused`: it will never be taken as it is. */
export type Answered =
  | { kind: "none" }
  | { kind: "waiting" }
  | { kind: "refused"; message: string }
  | { kind: "taken"; seen: SeenObservation };

/**
 * Whether the command the step stands on has reached the host. An unreachable host has answered nothing. Says what it
 * waits for.
 */
export function answered(draft: Draft, host: HostStep, observation: Observation | null): Answered {
  const { command } = host.engine;
  if (!command) return { kind: "none" };
  if (observation?.kind !== "seen") {
    hostWaits(draft, host, unreachableText(observation));
    return { kind: "waiting" };
  }
  if (hasTaken(observation, command.epoch)) return { kind: "taken", seen: observation };
  const { refusal } = observation;
  if (refusal?.epoch === command.epoch) {
    if (refusal.kind === "refused") return { kind: "refused", message: refusal.message };
    hostWaits(draft, host, refusal.message);
    return { kind: "waiting" };
  }
  hostWaits(draft, host, `to take the ${command.kind} command`);
  return { kind: "waiting" };
}

export function unreachableText(observation: Observation | null): string {
  if (observation === null) return "the sandbox is gone from the database";
  if (observation.kind === "seen") return "";
  return observation.since === 0
    ? `unreachable, never seen (${observation.why})`
    : `unreachable since ${new Date(observation.since).toISOString()} (${observation.why})`;
}

/** Away for longer than an agent's restart takes. */
export function isAway(draft: Draft, observation: Observation | null): boolean {
  return (
    observation === null || (observation.kind === "unreachable" && draft.now - observation.since >= unreachableGraceMs)
  );
}

/** Unreachable, and watch-health has cordoned it: nothing more is expected of it until it returns and is converged. */
export function isCordonedAway(
  observation: Observation | null,
): observation is Extract<Observation, { kind: "unreachable" }> | null {
  return observation === null || (observation.kind === "unreachable" && isCordonedBy(observation.facts, "health"));
}

/** True when a taken command still shows no effect long after it was given. */
export function isLost(draft: Draft, host: HostStep): boolean {
  return host.engine.command !== null && draft.now - host.engine.command.issuedAt >= lostCommandMs;
}
