import type { HostStepState } from "@valet/shared";
import type { HostStep } from "../model.ts";

/** Between the first change on the host and its end. */
export const inFlightSteps: readonly HostStepState[] = [
  "starting",
  "cordoned",
  "draining",
  "replacing",
  "verifying",
  "handing_over",
];
/** The host itself is in the middle of something: let it finish. */
export const settlingSteps: readonly HostStepState[] = ["starting", "replacing", "verifying", "handing_over"];
/** Stop-first steps in which the host is held out of service. */
export const outOfServiceSteps: readonly HostStepState[] = ["cordoned", "draining", "replacing", "verifying"];

export const isInFlight = (host: HostStep): boolean => inFlightSteps.includes(host.step);
/** On its way, and not held at a place by the strategy. */
export const isMoving = (host: HostStep): boolean => isInFlight(host) && !host.engine.holds;
export const isSettling = (host: HostStep): boolean => settlingSteps.includes(host.step) && !host.engine.holds;

/** Names for a sentence: "a, b and 3 more". */
export function namesOf(hosts: readonly HostStep[], most = 3): string {
  const names = hosts.slice(0, most).map((host) => host.name);
  const rest = hosts.length - names.length;
  return rest > 0 ? `${names.join(", ")} and ${rest} more` : names.join(", ");
}
