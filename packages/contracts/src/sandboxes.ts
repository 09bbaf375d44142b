import { cordonHolderKinds, sandboxStates, slotStates, generationStates } from "@valet/shared";
import { z } from "zod";
import {
  browserEngineSchema,
  environmentSchema,
  idSchema,
  isoTimeSchema,
  pageOf,
  paginationQuerySchema,
} from "./common.ts";

export const instanceTypes = ["t3.medium", "t3.large", "t3.xlarge", "local"] as const;
const camel = {
  name: z.string().min(1).max(100),
  environment: environmentSchema,
  instanceId: z.string().min(1).max(100),
  /** Where the agent is reached; an IP address or host name, without port. */
  publicIp: z.string().min(1).max(253),
  instanceType: z.enum(instanceTypes).default("t3.large"),
  browserEngine: browserEngineSchema.default("chromium"),
  capacity: z.number().int().min(1).max(100).default(5),
  labels: z.record(z.string().max(63), z.string().max(253)).default({}),
  agentPort: z.number().int().min(1).max(65_535).default(8000),
};
const snakeToCamel: Record<string, string> = {
  instance_id: "instanceId",
  public_ip: "publicIp",
  instance_type: "instanceType",
  browser_engine: "browserEngine",
  agent_port: "agentPort",
};
/** POST /admin/sandboxes; the guide's snake_case names are accepted beside ours. */
export const sandboxCreateSchema = z.preprocess((input) => {
  if (typeof input !== "object" || input === null || Array.isArray(input)) return input;
  return Object.fromEntries(Object.entries(input).map(([k, v]) => [snakeToCamel[k] ?? k, v]));
}, z.strictObject(camel));
export type SandboxCreate = z.output<typeof sandboxCreateSchema>;
export const sandboxPatchSchema = z.strictObject({
  status: z.enum(sandboxStates).optional(),
  reason: z.string().max(500).optional(),
  name: camel.name.optional(),
  publicIp: camel.publicIp.optional(),
  capacity: z.number().int().min(1).max(100).optional(),
  labels: z.record(z.string().max(63), z.string().max(253)).optional(),
});
export const cordonViewSchema = z.object({
  holderKind: z.enum(cordonHolderKinds),
  holderId: z.string(),
  reason: z.string(),
  since: isoTimeSchema,
});
export const slotViewSchema = z.object({
  index: z.number().int(),
  state: z.enum(slotStates),
  generation: z.number().int().nullable(),
  taskId: idSchema.nullable(),
  since: isoTimeSchema,
});
export const generationViewSchema = z.object({
  generation: z.number().int(),
  state: z.enum(generationStates),
  releaseTag: z.string(),
  releaseDigest: z.string(),
  spareReady: z.boolean(),
  accepting: z.boolean(),
  lastReportedAt: isoTimeSchema,
});
export const sandboxViewSchema = z.object({
  id: idSchema,
  name: z.string(),
  environment: z.string(),
  instanceId: z.string(),
  publicIp: z.string(),
  agentPort: z.number().int(),
  instanceType: z.string(),
  browserEngine: z.string(),
  capacity: z.number().int(),
  labels: z.record(z.string(), z.string()),
  /** Also given as `state`. */
  status: z.enum(sandboxStates),
  state: z.enum(sandboxStates),
  stateReason: z.string(),
  reachable: z.boolean(),
  sessionLive: z.boolean(),
  lastSeenAt: isoTimeSchema.nullable(),
  quarantined: z.boolean(),
  /** Tag of the release that somebody put there past the API; no deploy of ours fights it. */
  pinnedTo: z.string().nullable(),
  /** It runs what it may not run: what, in a sentence. It takes no work until a deploy of its own has put it right. */
  drift: z.string().nullable(),
  cordons: z.array(cordonViewSchema),
  slots: z.array(slotViewSchema),
  generations: z.array(generationViewSchema),
  /** Serving release. */
  releaseTag: z.string().nullable(),
  releaseDigest: z.string().nullable(),
  activeTaskCount: z.number().int(),
  createdAt: isoTimeSchema,
});
export type SandboxView = z.infer<typeof sandboxViewSchema>;
/** POST answers with the identity once: it is not shown again. */
export const sandboxCreatedSchema = sandboxViewSchema.extend({
  identity: z.object({ sandboxId: idSchema, token: z.string(), agentKey: z.string() }),
});
export const sandboxListQuerySchema = paginationQuerySchema.extend({
  environment: environmentSchema.optional(),
  status: z.enum(sandboxStates).optional(),
  sortBy: z.enum(["name", "createdAt", "status", "environment", "capacity"]).default("createdAt"),
});
export const sandboxPageSchema = pageOf(sandboxViewSchema);
