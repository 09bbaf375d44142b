import { type CanaryStep, type RolloutKnobs, hostsOf } from "@valet/shared";

export interface FleetProblem {
  /** `canarySteps.0.hosts`. */
  knob: string;
  message: string;
}

/** What cannot be done with so many hosts, though the knobs themselves are sound. An empty fleet has no problem: there is nothing to do. */
export function fleetProblems(knobs: RolloutKnobs, hosts: number): FleetProblem[] {
  if (hosts === 0) return [];
  const found: FleetProblem[] = [];
  if (knobs.strategy === "canary") {
    found.push(...stepProblems(knobs.canarySteps, hosts));
  }
  if (knobs.order === "stop-first" && hostsOf(knobs.maxUnavailable, hosts) === 0) {
    const message = `${knobs.maxUnavailable} of ${count(hosts)} is none, and stop-first takes one out of service: must be at least 1`;
    found.push({ knob: "maxUnavailable", message });
  }
  return found;
}

/** A number is compared with the fleet, and with a share before or after it; two shares may round to the same hosts. */
function stepProblems(steps: readonly CanaryStep[], hosts: number): FleetProblem[] {
  return steps.flatMap((step, index) => {
    const knob = `canarySteps.${index}.hosts`;
    if (typeof step.hosts === "number" && step.hosts > hosts) {
      return [{ knob, message: `must be at most ${hosts}: there are no more hosts` }];
    }
    const before = steps[index - 1];
    if (!before || typeof before.hosts === typeof step.hosts) return [];
    const [was, is] = [hostsOf(before.hosts, hosts, 1), hostsOf(step.hosts, hosts, 1)];
    const isFurther = is > was || (is === was && step.taskSharePct > before.taskSharePct);
    const message = `${step.hosts} of ${count(hosts)} reaches no further than the step before it (${before.hosts})`;
    return isFurther ? [] : [{ knob, message }];
  });
}

/** What will be done, though perhaps not as it was meant. */
export function fleetWarnings(knobs: RolloutKnobs, hosts: number): string[] {
  if (hosts === 0) return ["there is no host in service: nothing will be changed until there is one"];
  return knobs.strategy === "canary" ? canaryWarnings(knobs.canarySteps, knobs.analyse, hosts) : [];
}

function canaryWarnings(steps: readonly CanaryStep[], analyse: boolean, hosts: number): string[] {
  const found: string[] = [];
  const reach = steps.map((step) => ({ hosts: hostsOf(step.hosts, hosts, 1), share: step.taskSharePct }));
  reach.forEach((step, index) => {
    const before = reach[index - 1];
    if (before && step.hosts <= before.hosts && step.share <= before.share) {
      found.push(`canary step ${index + 1} reaches no further than step ${index}: ${count(step.hosts)} of ${hosts}`);
    }
  });
  const first = reach[0];
  if (analyse && first && first.hosts >= hosts && first.share === 100) {
    found.push(`the first canary step is the whole fleet (${count(hosts)}): no task is left to compare with`);
  }
  return found;
}

function count(hosts: number): string {
  return hosts === 1 ? "1 host" : `${hosts} hosts`;
}
