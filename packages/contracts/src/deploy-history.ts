import { deployStates } from "@valet/shared";
import { z } from "zod";
import { deployDecisionSchema } from "./deploys.ts";
import { etaSchema } from "./deploy-plan.ts";
import { isoTimeSchema, serviceSchema } from "./common.ts";

export const deployHistoryQuerySchema = z.strictObject({
  /** Only saves after this revision. */
  after: z.coerce.number().int().min(0).default(0),
  limit: z.coerce.number().int().min(1).max(500).default(100),
});

/** What was seen of one sandbox that the save before had not seen. */
export const observedChangeSchema = z.object({
  sandboxId: z.string(),
  sandboxName: z.string(),
  /** Field → what it was seen to be. */
  changed: z.record(z.string(), z.unknown()),
});
/** One save: what was seen since the one before, and what was decided from it. */
export const deployHistoryEntrySchema = z.object({
  revision: z.number().int(),
  at: isoTimeSchema,
  state: z.enum(deployStates),
  decisions: z.array(deployDecisionSchema),
  observed: z.object({
    environment: z.record(z.string(), z.unknown()),
    /** Of sandboxes that a decision names, and at most 50. */
    sandboxes: z.array(observedChangeSchema),
    sandboxesChanged: z.number().int(),
  }),
});
export const deployHistorySchema = z.object({
  entries: z.array(deployHistoryEntrySchema),
  /** Give it as `after` to go on; null: this was the last page. */
  next: z.number().int().nullable(),
});
export type DeployHistory = z.infer<typeof deployHistorySchema>;

export const releaseCompareQuerySchema = z.strictObject({
  /** Id, tag or digest. */
  from: z.string().min(1).max(200),
  to: z.string().min(1).max(200),
  service: serviceSchema.default("ghosthands"),
});
export const releaseFactsSchema = z.object({
  imageTag: z.string(),
  imageDigest: z.string().nullable(),
  deploys: z.array(
    z.object({
      id: z.string(),
      environment: z.string(),
      state: z.enum(deployStates),
      startedAt: isoTimeSchema.nullable(),
      newWorkOnNewVersionMs: z.number().nullable(),
      lastOldTaskEndedMs: z.number().nullable(),
      tasksLost: z.number().int().nullable(),
      minCapacityPct: z.number().nullable(),
    }),
  ),
  rollbacks: z.number().int(),
  tasksLost: z.number().int(),
  minCapacityPct: z.number().nullable(),
  /** Attempts that ran on it and ended for good or bad. */
  tasks: z.number().int(),
  tasksFailed: z.number().int(),
  failureRate: z.number().nullable(),
  taskDuration: etaSchema.nullable(),
});
export type ReleaseFacts = z.infer<typeof releaseFactsSchema>;
export const releaseCompareSchema = z.object({
  from: releaseFactsSchema,
  to: releaseFactsSchema,
  /** What stands out, one sentence each. */
  differences: z.array(z.string()),
});
export type ReleaseCompare = z.infer<typeof releaseCompareSchema>;
