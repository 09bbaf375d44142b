import { deployStates, hostOrders, strategies } from "@valet/shared";
import { z } from "zod";
import { deployCreateSchema } from "./deploys.ts";
import { idSchema, isoTimeSchema } from "./common.ts";

/** POST /admin/deploys/plan: a deploy as it would be created, or (`deployId`) one that has not begun. Changes nothing. */
export const deployPlanRequestSchema = deployCreateSchema
  .partial({ environment: true, imageTag: true })
  .extend({ deployId: idSchema.optional() })
  .superRefine(({ deployId, environment, imageTag }, context) => {
    const missing = { environment, imageTag };
    for (const [field, value] of Object.entries(missing)) {
      if ((value === undefined) === (deployId !== undefined)) continue;
      const message = deployId === undefined ? "must be given, or else deployId" : "must be left out beside deployId";
      context.addIssue({ code: "custom", path: [field], message });
    }
  });

/** Half of all runs take no longer than p50, nine of ten no longer than p90. */
export const etaSchema = z.object({ p50Ms: z.number(), p90Ms: z.number() });
export type Eta = z.infer<typeof etaSchema>;

export const planHostSchema = z.object({
  sandboxId: z.string(),
  sandboxName: z.string(),
  /** From 1; null: it is left out. */
  wave: z.number().int().nullable(),
  order: z.enum(hostOrders),
  /** `wait`: something of its own stands in its way now. `wake`: its warm generation serves again. */
  action: z.enum(["change", "wake", "wait", "skip"]),
  /** What will happen and why. */
  text: z.string(),
  /** Pin, drift, running it already, no room for two releases. */
  notes: z.array(z.string()),
  tasks: z.number().int(),
  /** null: its agent does not say. */
  memory: z
    .object({
      totalMb: z.number(),
      usedMb: z.number(),
      neededMb: z.number().nullable(),
      admits: z.boolean().nullable(),
    })
    .nullable(),
  /** How old the look at its agent is; null: it was never seen. */
  observedAgoMs: z.number().nullable(),
});
export type PlanHost = z.infer<typeof planHostSchema>;

export const planWaveSchema = z.object({
  wave: z.number().int(),
  /** `rolling`, `canary step 1 of 3: 25 % of their tasks`, `verified everywhere, then one switch`. */
  text: z.string(),
  hosts: z.number().int(),
  /** The first few. */
  sandboxNames: z.array(z.string()),
  /** Held there this long before the next wave. */
  bakeMs: z.number(),
  /** Goes on only when a person promotes. */
  waitsForPromotion: z.boolean(),
});

export const planBlockerSchema = z.object({
  kind: z.enum([
    "freeze",
    "approval",
    "trigger",
    "active_deploy",
    "migration",
    "impossible",
    "release",
    "nothing_to_roll_back_to",
    "unreachable",
    "drift",
    "host",
  ]),
  /** False: it would go on, and somebody should know. */
  blocks: z.boolean(),
  text: z.string(),
  /** When it is expected to be out of the way; null: nobody can say. */
  until: isoTimeSchema.nullable(),
});
export type PlanBlocker = z.infer<typeof planBlockerSchema>;

export const planRiskSchema = z.object({
  taskId: z.string(),
  sandboxName: z.string(),
  /** From now, as tasks here have taken. */
  endsIn: etaSchema,
  drainDeadlineInMs: z.number(),
  chancePastDeadline: z.number(),
  /** What the drain deadline's action would do to it. */
  then: z.string(),
});
export type PlanRisk = z.infer<typeof planRiskSchema>;

export const deployPlanSchema = z.object({
  /** Over what the plan was made from; create and trigger take it as `planRevision` and refuse when it has moved. */
  revision: z.string(),
  plannedAt: isoTimeSchema,
  environment: z.string(),
  service: z.string(),
  imageTag: z.string(),
  imageDigest: z.string().nullable(),
  previousTag: z.string().nullable(),
  strategy: z.enum(strategies),
  /** Of the deploy that was planned; null: it is not created yet. */
  state: z.enum(deployStates).nullable(),
  hosts: z.array(planHostSchema),
  waves: z.array(planWaveSchema),
  blockers: z.array(planBlockerSchema),
  openTasks: z.number().int(),
  /** Those that may well outlast the drain deadline, most likely first; at most 100 of `tasksAtRiskTotal`. */
  tasksAtRisk: z.array(planRiskSchema),
  tasksAtRiskTotal: z.number().int(),
  eta: z.object({
    newWorkOnNewVersion: etaSchema,
    lastOldTaskEnded: etaSchema,
    /** What the times were learnt from. */
    basis: z.string(),
    measuredChanges: z.number().int(),
    measuredTasks: z.number().int(),
    /** What is not in them: people, blockers. */
    without: z.array(z.string()),
  }),
});
export type DeployPlan = z.infer<typeof deployPlanSchema>;
