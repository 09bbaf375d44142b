import type { HostStep } from "../model.ts";
import type { Observation } from "../observation.ts";
import { say, type Draft } from "./draft.ts";
import { startCommand } from "./wake.ts";

/** Why a second generation cannot run beside the first on this host now; null: it can, or the host does not say. */
export function whyNoRoom(draft: Draft, host: HostStep, observation: Observation): string | null {
  if (host.order === "stop-first" || observation.kind !== "seen") return null;
  const { admission } = observation.health;
  if (!admission || admission.admits || startCommand(draft, host).kind === "rollback") return null;
  const { neededMb, freeMb } = admission;
  return `a second generation needs ${neededMb} MB and ${freeMb} MB are free`;
}

/** A host without room for both releases takes them one after the other, and says so. */
export function fallBack(draft: Draft, host: HostStep, why: string): void {
  host.order = "stop-first";
  say(draft, `${host.name}: stop-first instead of start-first, since ${why}`, { sandboxId: host.sandboxId });
}
