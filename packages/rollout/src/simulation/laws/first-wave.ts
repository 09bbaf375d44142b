import { hostsOf } from "@valet/shared";
import type { DeployDocument } from "../../model.ts";

/**
 * How many hosts a release that cannot be verified may be begun on. Null: as many as there are, for its knobs say that failures do
 * not matter, or it is begun everywhere without taking any work (blue-green).
 */
export function firstWave({ knobs, hosts }: DeployDocument): number | null {
  if (knobs.failureAction === "continue" || knobs.strategy === "blue-green") return null;
  const parallel = hostsOf(knobs.maxParallel, hosts.length, 1);
  if (knobs.strategy !== "canary") return parallel;
  const step = knobs.canarySteps[0];
  return step ? Math.min(parallel, hostsOf(step.hosts, hosts.length, 1)) : parallel;
}
