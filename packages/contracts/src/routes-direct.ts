import { deployStates, hostOrders, hostStepStates } from "@valet/shared";
import { z } from "zod";
import { digestSchema, environmentSchema, idSchema, imageTagSchema, isoTimeSchema, serviceSchema } from "./common.ts";
import { deployViewSchema } from "./deploys.ts";
import { knobsSchema } from "./knobs.ts";
import { defineRoutes, operators } from "./route.ts";

const endedStates = deployStates.filter((state) =>
  ["completed", "failed", "aborted", "rolled_back"].includes(state),
) as ("completed" | "failed" | "aborted" | "rolled_back")[];

/** One host of a deploy that was run past the API. */
export const directHostSchema = z.strictObject({
  /** null: only its address was known. */
  sandboxId: idSchema.nullable(),
  address: z.string().max(260),
  agentPort: z.number().int(),
  step: z.enum(hostStepStates),
  order: z.enum(hostOrders),
  reason: z.string().max(10_000),
  epoch: z.number().int().nullable(),
  oldGeneration: z.number().int().nullable(),
  newGeneration: z.number().int().nullable(),
  reportedDigest: digestSchema.nullable(),
  startedAt: isoTimeSchema.nullable(),
  endedAt: isoTimeSchema.nullable(),
});
/** The journal of a deploy that the CLI ran while the API was down, once it has ended. */
export const directDeploySchema = z.strictObject({
  id: idSchema,
  environment: environmentSchema,
  service: serviceSchema,
  imageTag: imageTagSchema,
  imageDigest: digestSchema.nullable(),
  previousTag: z.string().nullable(),
  previousDigest: digestSchema.nullable(),
  state: z.enum(endedStates),
  stateReason: z.string().max(10_000),
  knobs: knobsSchema,
  /** Meant for the whole environment: hosts it did not reach converge to it. */
  isWhole: z.boolean(),
  /** Who ran it, as the machine it ran on knows them. */
  actor: z.string().min(1).max(200),
  createdAt: isoTimeSchema,
  startedAt: isoTimeSchema.nullable(),
  endedAt: isoTimeSchema,
  hosts: z.array(directHostSchema).max(10_000),
  decisions: z
    .array(
      z.strictObject({
        at: isoTimeSchema,
        summary: z.string().max(20_000),
        data: z.record(z.string(), z.unknown()),
      }),
    )
    .max(100_000),
});
export type DirectDeploy = z.infer<typeof directDeploySchema>;

export const directRoutes = defineRoutes({
  recordDirectDeploy: {
    method: "POST",
    path: "/api/v1/admin/deploys/direct",
    summary: "Record a deploy that was run past the API; the same one again changes nothing",
    tag: "deploys",
    access: operators,
    status: 201,
    body: directDeploySchema,
    response: z.object({
      deploy: deployViewSchema,
      /** Hosts whose new work now goes to the release, and what was not taken over, for people. */
      updatedSandboxIds: z.array(idSchema),
      notes: z.array(z.string()),
    }),
  },
});
