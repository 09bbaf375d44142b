import { hasTaken } from "../observation.ts";
import { issue, moveHost, observationOf, ownAll, type Draft } from "./draft.ts";

/**
 * Hosts whose deploy command is not known to be taken step back, behind a fencing no-op with a newer epoch: should the
 * command still be on its way, the host refuses it. What a host has taken goes on to its end.
 */
export function fenceUntaken(draft: Draft): void {
  for (const host of ownAll(draft)) {
    if (host.step !== "starting" && host.step !== "replacing") continue;
    const observation = observationOf(draft, host);
    const { command } = host.engine;
    if (command === null || (observation?.kind === "seen" && hasTaken(observation, command.epoch))) continue;
    issue(draft, host, { kind: "fence", leave: false });
    if (host.step === "starting") moveHost(draft, host, "pending", "stopped before the host had taken the command");
    else moveHost(draft, host, "draining", "stopped before the host had taken the command; it stays drained");
  }
}
