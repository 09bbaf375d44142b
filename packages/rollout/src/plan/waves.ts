import { hostsOf } from "@valet/shared";
import { outOfService } from "../decide/out-of-service.ts";
import type { PlannedHost, PlannedHosts } from "./plan-hosts.ts";

/** Hosts between two points at which the whole deploy waits: a canary step, the switch, or everything. */
export interface Stage {
  text: string;
  hosts: PlannedHost[];
  bakeMs: number;
  waitsForPromotion: boolean;
}

/** How many of the plan's hosts may move at once. */
export interface Lanes {
  startFirst: number;
  stopFirst: number;
  /** The tag is not resolved: only one host may ask what it means, and the others begin once it has. */
  pinsFirst: boolean;
}

/** The stages a deploy goes through, as `decide` takes them: reach by reach for a canary, one otherwise. */
export function stagesOf({ draft, hosts }: PlannedHosts): Stage[] {
  const { knobs, course } = draft.deploy;
  const going = hosts.filter((host) => host.action !== "skip");
  const isStepwise = course.skipsSteps === null;
  if (isStepwise && knobs.strategy === "canary") {
    const stages = knobs.canarySteps.map((step, place): Stage => {
      const reach = hostsOf(step.hosts, hosts.length, 1);
      const before = knobs.canarySteps[place - 1];
      const from = before ? hostsOf(before.hosts, hosts.length, 1) : 0;
      return {
        text: `canary step ${place + 1} of ${knobs.canarySteps.length}: ${Math.min(reach, going.length)} hosts, ${step.taskSharePct} % of their slots`,
        hosts: going.slice(from, reach),
        bakeMs: step.bakeMs,
        waitsForPromotion: !knobs.autoPromote,
      };
    });
    const last = knobs.canarySteps.at(-1);
    const reached = last ? hostsOf(last.hosts, hosts.length, 1) : 0;
    return [...stages, { text: "the rest", hosts: going.slice(reached), bakeMs: 0, waitsForPromotion: false }];
  }
  const isBlueGreen = isStepwise && knobs.strategy === "blue-green";
  const text = isBlueGreen ? "verified everywhere, then one switch" : (course.skipsSteps ?? "rolling");
  return [{ text, hosts: going, bakeMs: 0, waitsForPromotion: isBlueGreen && !knobs.autoPromote }];
}

export function lanesOf({ draft, hosts }: PlannedHosts): Lanes {
  const { knobs, course, imageDigest } = draft.deploy;
  const startFirst =
    course.skipsSteps === null ? hostsOf(knobs.maxParallel, hosts.length, 1) : Math.max(1, hosts.length);
  const mayBeOut = hostsOf(knobs.maxUnavailable, hosts.length) - outOfService(draft).size;
  return { startFirst, stopFirst: Math.max(1, Math.min(startFirst, mayBeOut)), pinsFirst: imageDigest === null };
}

/** Waves for people: each stage's hosts in groups that start together when all take equally long. */
export function wavesOf(stages: readonly Stage[], lanes: Lanes): { stage: Stage; hosts: PlannedHost[] }[] {
  const waves: { stage: Stage; hosts: PlannedHost[] }[] = [];
  for (const stage of stages) {
    if (stage.hosts.length === 0) continue;
    const size = stage.hosts.some((host) => host.step.order === "stop-first") ? lanes.stopFirst : lanes.startFirst;
    for (let from = 0; from < stage.hosts.length; from += size) {
      waves.push({ stage, hosts: stage.hosts.slice(from, from + size) });
    }
  }
  return waves;
}
