import type { HostStep } from "../model.ts";
import { hasTaken, type Observation } from "../observation.ts";
import { attest } from "./attest.ts";
import { observationOf, own, type Draft } from "./draft.ts";
import { crashLoopRestarts, olderServing } from "./tend.ts";

/**
 * True when `advanceHost` would neither change this host nor say anything about it: it waits its turn, is out of the deploy, or is
 * updated and settled. Of ten thousand hosts nearly all are, so they are passed by without a copy being made of them.
 */
export function isAtRest(draft: Draft, host: HostStep, observation: Observation | null): boolean {
  switch (host.step) {
    case "pending":
      return host.engine.command === null;
    case "skipped":
    case "rolled_back":
      return true;
    case "updated":
      return isSettled(draft, host, observation);
    default:
      return false;
  }
}

function isSettled(draft: Draft, host: HostStep, observation: Observation | null): boolean {
  const { command, unhealthySince } = host.engine;
  if (observation?.kind !== "seen" || unhealthySince !== null) return false;
  if (command !== null && !hasTaken(observation, command.epoch)) return false;
  if (attest(draft, host, observation).kind !== "sound") return false;
  for (const { generation, restarts } of observation.health.generations) {
    if (generation === host.newGeneration && restarts >= crashLoopRestarts) return false;
  }
  for (const { generation } of observation.facts.openAttempts) if (generation !== host.newGeneration) return false;
  return olderServing(host, observation) === null;
}

/** Each host that is not at rest one tick forward, in the deploy's order. */
export function advanceHosts(
  draft: Draft,
  advance: (draft: Draft, host: HostStep, observation: Observation | null) => void,
): void {
  const { hosts } = draft.deploy;
  for (let place = 0; place < hosts.length; place += 1) {
    const host = hosts[place];
    if (!host) continue;
    // Those that wait their turn are told without a look at what was observed of them.
    const observation = host.step === "pending" && host.engine.command === null ? null : observationOf(draft, host);
    if (!isAtRest(draft, host, observation)) advance(draft, own(draft, place), observation);
  }
}
