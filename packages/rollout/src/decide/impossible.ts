import { hostsOf, type CanaryStep, type HostCount } from "@valet/shared";
import type { DeployDocument, HostStep } from "../model.ts";
import { namesOf } from "./hosts.ts";

/** Why this deploy cannot be begun on these hosts, naming the knob and what is allowed; null: it can. */
export function whyImpossible(deploy: DeployDocument, hosts: readonly HostStep[]): string | null {
  const { environment, knobs } = deploy;
  if (hosts.length === 0) return `${environment} has no sandbox${deploy.sandboxIds === null ? "" : " of those named"}`;
  const away = hosts.filter((host) => host.step === "skipped");
  const [first] = away;
  if (first && away.length === hosts.length) {
    return `no host of ${environment} can be reached: ${namesOf(away)}; ${first.name} is ${first.reason}`;
  }
  if (knobs.strategy === "canary") return whyNoCanary(knobs.canarySteps, deploy, hosts);
  if (knobs.strategy === "blue-green" && hosts.some((host) => host.order === "stop-first")) {
    const knob = knobs.mayOverlap ? "order is stop-first" : "mayOverlap is false";
    return `strategy blue-green runs both releases on each host at once, but ${knob}`;
  }
  return null;
}

function whyNoCanary(
  steps: readonly CanaryStep[],
  { environment }: DeployDocument,
  hosts: readonly HostStep[],
): string | null {
  if (steps.length === 0) return "strategy canary needs at least one of canarySteps";
  for (const [place, step] of steps.entries()) {
    const path = `canarySteps[${place}]`;
    const wanted = hostsOf(step.hosts, hosts.length, 1);
    if (wanted > hosts.length) {
      return `${path}.hosts is ${step.hosts}, but ${environment} has ${hosts.length} sandboxes`;
    }
    if (step.taskSharePct < 100 && hosts.some((host) => host.order === "stop-first")) {
      return `${path}.taskSharePct is ${step.taskSharePct}, but a stop-first host runs one release at a time: only 100 is possible`;
    }
    const before = steps[place - 1];
    if (before && !grows(before, step, hosts.length)) {
      const was = `${before.hosts} hosts with ${before.taskSharePct} % of their tasks`;
      return `${path} reaches no further than the step before it (${was}): steps must grow`;
    }
  }
  return null;
}

/** Neither hosts nor share may shrink, and one of them must grow; on a small fleet two shares may round to the same hosts. */
function grows(before: CanaryStep, step: CanaryStep, total: number): boolean {
  const hosts = compare(before.hosts, step.hosts, total);
  const share = step.taskSharePct - before.taskSharePct;
  return hosts >= 0 && share >= 0 && hosts + share > 0;
}

function compare(before: HostCount, now: HostCount, total: number): number {
  if (typeof before === "string" && typeof now === "string") return Number.parseFloat(now) - Number.parseFloat(before);
  return hostsOf(now, total, 1) - hostsOf(before, total, 1);
}
