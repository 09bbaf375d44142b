import { deployStates, hostOrders, hostStepStates } from "@valet/shared";
import { z } from "zod";
import {
  digestSchema,
  environmentSchema,
  idSchema,
  imageTagSchema,
  isoTimeSchema,
  pageOf,
  paginationQuerySchema,
  serviceSchema,
} from "./common.ts";
import { analysisResultSchema } from "./analysis.ts";
import { deployFreezeSchema } from "./freeze-window.ts";
import { knobsOverrideSchema, knobsSchema } from "./knobs.ts";

/** What a plan was made from, in short: six parts, so that a refusal can say which of them is another now. */
export const planRevisionSchema = z
  .string()
  .regex(/^p1(-[0-9a-f]{6}){6}$/, "must be the revision that a plan answered");

/** POST /admin/deploys: a deploy without a webhook. */
export const deployCreateSchema = z.strictObject({
  environment: environmentSchema,
  service: serviceSchema.default("ghosthands"),
  imageTag: imageTagSchema,
  imageDigest: digestSchema.optional(),
  knobs: knobsOverrideSchema.default({}),
  sandboxIds: z.array(idSchema).max(10_000).optional(),
  reason: z.string().max(500).default(""),
  /** Starts even in a freeze: admins only, and with a reason. */
  ignoreFreeze: z.boolean().default(false),
  /** Refuse (409 `plan_moved`) unless a plan made now has this revision. */
  planRevision: planRevisionSchema.optional(),
});
export const deployActionSchema = z.strictObject({
  reason: z.string().max(500).default(""),
  /** Refuse (409) unless the deploy is still at this revision. */
  revision: z.number().int().optional(),
});
export const deployTriggerSchema = deployActionSchema.extend({
  knobs: knobsOverrideSchema.optional(),
  /** Starts even in a freeze: admins only, and with a reason. */
  ignoreFreeze: z.boolean().default(false),
  /** Refuse (409 `plan_moved`) unless a plan made now has this revision. */
  planRevision: planRevisionSchema.optional(),
});
export const deployRollbackSchema = deployActionSchema.extend({ toDigest: digestSchema.optional() });

export const deployHostViewSchema = z.object({
  sandboxId: idSchema,
  sandboxName: z.string(),
  step: z.enum(hostStepStates),
  status: z.enum(hostStepStates),
  order: z.enum(hostOrders),
  /** What happened or what it waits for, for people. */
  reason: z.string(),
  message: z.string(),
  oldGeneration: z.number().int().nullable(),
  newGeneration: z.number().int().nullable(),
  reportedDigest: z.string().nullable(),
  activeTaskCount: z.number().int().nullable(),
  startedAt: isoTimeSchema.nullable(),
  endedAt: isoTimeSchema.nullable(),
});
export const deploySummarySchema = z.object({
  id: idSchema,
  environment: z.string(),
  service: z.string(),
  imageTag: z.string(),
  imageDigest: z.string().nullable(),
  previousTag: z.string().nullable(),
  previousDigest: z.string().nullable(),
  commitSha: z.string().nullable(),
  commitMessage: z.string().nullable(),
  state: z.enum(deployStates),
  stateReason: z.string(),
  /** Whom or what it waits for; empty when nothing. */
  waitingOn: z.array(z.string()),
  trigger: z.string(),
  createdBy: z.string(),
  revision: z.number().int(),
  hostsTotal: z.number().int(),
  hostsUpdated: z.number().int(),
  hostsFailed: z.number().int(),
  createdAt: isoTimeSchema,
  startedAt: isoTimeSchema.nullable(),
  endedAt: isoTimeSchema.nullable(),
});
export type DeploySummary = z.infer<typeof deploySummarySchema>;
export const deployDecisionSchema = z.object({
  seq: z.number().int(),
  at: isoTimeSchema,
  actor: z.string(),
  summary: z.string(),
  data: z.record(z.string(), z.unknown()),
});
/** The two clocks and the two promises. null: not known yet. */
export const deployMeasuresSchema = z.object({
  newWorkOnNewVersionMs: z.number().nullable(),
  lastOldTaskEndedMs: z.number().nullable(),
  tasksLost: z.number().int().nullable(),
  minCapacityPct: z.number().nullable(),
});
/** Where a deploy stands between its hosts: canary step, bake, switch, and what the analysis says. */
export const deployProgressSchema = z.object({
  phase: z.enum(["waiting", "canary", "switching", "rolling", "baking", "going_back", "stopping", "ended"]),
  /** One line for people: `canary step 1 of 3: 2 hosts, 25 % of their tasks, baking until …`. */
  text: z.string(),
  /** Canary step, from 1; null outside a canary. */
  step: z.number().int().nullable(),
  stepsTotal: z.number().int(),
  bakeEndsAt: isoTimeSchema.nullable(),
  awaitsPromotion: z.boolean(),
});
export type DeployProgress = z.infer<typeof deployProgressSchema>;
export const deployApprovalsSchema = z.object({
  required: z.number().int(),
  given: z.array(z.object({ actor: z.string(), at: isoTimeSchema, reason: z.string() })),
});
export const deployViewSchema = deploySummarySchema.extend({
  knobs: knobsSchema,
  progress: deployProgressSchema,
  /** What the latest look at its canary said, with its numbers; null: there was none yet. */
  analysis: analysisResultSchema.nullable(),
  approvals: deployApprovalsSchema,
  /** The freeze that holds it now; null also when it ignores freezes. */
  freeze: deployFreezeSchema.nullable(),
  ignoreFreeze: z.boolean(),
  /** Version of the environment's rollout.yml that its knobs come from; null: there was none. */
  configVersion: z.number().int().nullable(),
  /** What somebody should know before it begins. */
  warnings: z.array(z.string()),
  hosts: z.array(deployHostViewSchema),
  decisions: z.array(deployDecisionSchema),
  measures: deployMeasuresSchema,
});
export type DeployView = z.infer<typeof deployViewSchema>;
export const deployListQuerySchema = paginationQuerySchema.extend({
  environment: environmentSchema.optional(),
  service: serviceSchema.optional(),
  state: z.enum(deployStates).optional(),
  sortBy: z.enum(["createdAt", "state", "environment"]).default("createdAt"),
});
export const deployPageSchema = pageOf(deploySummarySchema);

export const deployConfigSchema = z.strictObject({ autoDeployStaging: z.boolean(), autoDeployProd: z.boolean() });
export const deployConfigPatchSchema = deployConfigSchema.partial();
export type DeployConfig = z.infer<typeof deployConfigSchema>;

export const releaseViewSchema = z.object({
  id: idSchema,
  service: serviceSchema,
  version: z.string(),
  imageTag: z.string(),
  imageDigest: z.string().nullable(),
  commitSha: z.string().nullable(),
  commitMessage: z.string().nullable(),
  createdAt: isoTimeSchema,
});
export const releaseListQuerySchema = paginationQuerySchema.extend({
  service: serviceSchema.optional(),
  sortBy: z.enum(["createdAt", "version"]).default("createdAt"),
});
export const releasePageSchema = pageOf(releaseViewSchema);
