import {
  type HostCount,
  type RolloutKnobs,
  defaultKnobs,
  drainDeadlineActions,
  failureActions,
  hostOrders,
  strategies,
} from "@valet/shared";
import { z } from "zod";

const ms = (min: number, max: number) => z.number().int().min(min).max(max);
const isShareFrom = (least: number) => (share: string) => {
  const percent = Number.parseFloat(share);
  return percent >= least && percent <= 100;
};

/** `2`, or `"25%"` of the hosts that the deploy concerns. */
export const hostCountSchema = (least: 0 | 1) =>
  z.union(
    [
      z.number().int().min(least).max(10_000),
      z
        .templateLiteral([z.number(), "%"])
        .refine(isShareFrom(least), `must be from ${least}% to 100%`)
        .describe("a share of the hosts, such as 25%"),
    ],
    { error: `must be a whole number of hosts (at least ${least}), or a share of them such as "25%"` },
  );

export const canaryStepSchema = z.strictObject({
  hosts: hostCountSchema(1).describe("Hosts that have the new release by this step, counted from the first."),
  taskSharePct: z
    .number()
    .int()
    .min(1)
    .max(100)
    .default(100)
    .describe("Share of each of those hosts' slots, in %, that take new work on it."),
  bakeMs: ms(0, 7 * 86_400_000).describe("How long it stays at this step, at least, before the next."),
});
type Step = z.infer<typeof canaryStepSchema>;

export const canaryStepsSchema = z
  .array(canaryStepSchema)
  .min(1)
  .max(20)
  .superRefine((steps, context) => {
    steps.forEach((step, index) => {
      const before = steps[index - 1];
      const problem = before && stepProblem(before, step);
      if (problem) context.addIssue({ code: "custom", path: [index, problem.key], message: problem.message });
    });
  });

/** Why `step` is no step forward. A number and a share can only be compared once the fleet is known. */
function stepProblem(before: Step, step: Step): { key: keyof Step; message: string } | undefined {
  const further = compareCounts(step.hosts, before.hosts);
  if (further < 0) return { key: "hosts", message: `must not be fewer than the step before it (${before.hosts})` };
  if (step.taskSharePct < before.taskSharePct) {
    return { key: "taskSharePct", message: `must not be less than the step before it (${before.taskSharePct})` };
  }
  if (further > 0 || step.taskSharePct > before.taskSharePct || step.hosts !== before.hosts) return undefined;
  return { key: "hosts", message: `must reach further than the step before it: more hosts, or a larger taskSharePct` };
}

function compareCounts(a: HostCount, b: HostCount): number {
  if (typeof a !== typeof b) return 0;
  return Number.parseFloat(String(a)) - Number.parseFloat(String(b));
}

/** Every knob may be overridden per deploy; what is absent keeps the default of the environment. */
export const knobsOverrideSchema = z.strictObject({
  strategy: z.enum(strategies).optional().describe("How a deploy goes through the hosts."),
  order: z
    .enum(hostOrders)
    .optional()
    .describe("On a host: the new generation beside the old one, or after it has stopped."),
  maxParallel: hostCountSchema(1)
    .optional()
    .describe("Hosts changed at once. A share is rounded down, to one at least."),
  maxUnavailable: hostCountSchema(0)
    .optional()
    .describe(
      "Hosts that deploys may have out of service at once. A share is rounded down. 1 by default with stop-first.",
    ),
  canarySteps: canaryStepsSchema
    .optional()
    .describe("Canary only: its steps, each reaching further; after the last the rest follows as in rolling."),
  autoPromote: z
    .boolean()
    .optional()
    .describe("Go on by itself after a canary step or before the blue-green switch; false: wait for `promote`."),
  analyse: z
    .boolean()
    .optional()
    .describe("Canary: judge the candidate by its real tasks, against the release before it."),
  autoRevert: z.boolean().optional().describe("A failed analysis rolls back; false: it pauses."),
  mayOverlap: z
    .boolean()
    .optional()
    .describe("False: old and new never run at once on a host, so that the order is stop-first."),
  minHealthyMs: ms(0, 600_000).optional().describe("A new generation must be healthy this long before it counts."),
  healthyDeadlineMs: ms(1000, 3_600_000).optional().describe("It must have become healthy by then."),
  progressDeadlineMs: ms(1000, 86_400_000)
    .optional()
    .describe("No host may take longer without progress; paused and draining time do not count."),
  failureAction: z.enum(failureActions).optional().describe("What happens to the deploy when a host fails."),
  drainTimeoutMs: ms(0, 86_400_000).optional().describe("How long a host may take to drain."),
  drainPollMs: ms(10, 600_000).optional().describe("How often a draining host is looked at."),
  drainDeadlineAction: z
    .enum(drainDeadlineActions)
    .optional()
    .describe("What happens when it takes longer. `pause` by default with stop-first."),
  rollbackWindowMs: ms(0, 7 * 86_400_000)
    .optional()
    .describe("How long the old generation stays warm after a deploy has completed."),
});
export type KnobsOverride = z.infer<typeof knobsOverrideSchema>;
export const knobsSchema = knobsOverrideSchema.required();

/**
 * What a deploy proceeds by: shipped defaults, then each override in turn. Defaults that depend on the order follow it, and a
 * service that must not overlap is stop-first unless somebody says otherwise (which `knobConflicts` then tells).
 */
export function resolveKnobs(...overrides: readonly KnobsOverride[]): RolloutKnobs {
  const given: KnobsOverride = {};
  for (const override of overrides) {
    Object.assign(given, Object.fromEntries(Object.entries(override).filter(([, value]) => value !== undefined)));
  }
  const order = given.order ?? (given.mayOverlap === false ? "stop-first" : undefined);
  return { ...defaultKnobs(order), ...given };
}

export interface KnobConflict {
  knob: keyof RolloutKnobs;
  message: string;
}

/** Knobs that cannot all be obeyed. */
export function knobConflicts(knobs: RolloutKnobs): KnobConflict[] {
  const found: KnobConflict[] = [];
  const isBlueGreen = knobs.strategy === "blue-green";
  if (isBlueGreen && !knobs.mayOverlap) {
    found.push({
      knob: "strategy",
      message: "blue-green runs two generations at once on a host, which mayOverlap: false forbids",
    });
  } else if (isBlueGreen && knobs.order === "stop-first") {
    found.push({
      knob: "order",
      message: "must be start-first with blue-green, which runs two generations at once on a host",
    });
  } else if (knobs.order === "start-first" && !knobs.mayOverlap) {
    found.push({ knob: "order", message: "must be stop-first (or left out) with mayOverlap: false" });
  }
  if (knobs.order === "stop-first" && Number.parseFloat(String(knobs.maxUnavailable)) === 0) {
    found.push({
      knob: "maxUnavailable",
      message: "must be at least 1 with stop-first: a host is out of service while it is changed",
    });
  }
  const partial = knobs.order === "stop-first" ? knobs.canarySteps.findIndex((step) => step.taskSharePct < 100) : -1;
  if (knobs.strategy === "canary" && partial >= 0) {
    const message = `step ${partial + 1} has a taskSharePct below 100, but a stop-first host runs one release at a time`;
    found.push({ knob: "canarySteps", message });
  }
  return found;
}
