import { type Environment, type RolloutKnobs, type Service, environments, err, ok, services } from "@valet/shared";
import type { Result } from "@valet/shared";
import { z } from "zod";
import { type AnalysisConfig, analysisConfigSchema } from "./analysis.ts";
import { type ConfigProblem, explainIssue, problemsOf } from "./config-problem.ts";
import { isoTimeSchema } from "./common.ts";
import { deployFreezeSchema, freezeWindowSchema } from "./freeze-window.ts";
import { type KnobsOverride, knobConflicts, knobsOverrideSchema, knobsSchema, resolveKnobs } from "./knobs.ts";

/** How a service is rolled out in an environment: knobs, and how its canary is judged. */
export const serviceRolloutSchema = knobsOverrideSchema.extend({
  analysis: analysisConfigSchema.optional().describe("How a canary of this service is judged."),
});

/** One environment's part of `rollout.yml`: what it stores, versioned. */
export const environmentConfigSchema = z
  .strictObject({
    approvals: z
      .number()
      .int()
      .min(0)
      .max(10)
      .default(0)
      .describe("People, other than the one who asked, who must approve a deploy before it starts."),
    freezes: z
      .array(freezeWindowSchema)
      .max(100)
      .default([])
      .describe("When no deploy may start. A rollback always may."),
    defaults: knobsOverrideSchema.default({}).describe("Knobs of every service here, unless the service has its own."),
    services: z
      .partialRecord(z.enum(services), serviceRolloutSchema)
      .default({})
      .describe("What differs for a service."),
  })
  .superRefine((config, context) => {
    for (const [path, message] of contradictions(config)) context.addIssue({ code: "custom", path, message });
  });
export type EnvironmentConfig = z.infer<typeof environmentConfigSchema>;

const environmentShape = Object.fromEntries(
  environments.map((name) => [name, environmentConfigSchema.optional()]),
) as Record<Environment, z.ZodOptional<typeof environmentConfigSchema>>;

/** The whole of `rollout.yml`. */
export const rolloutConfigSchema = z.strictObject({
  version: z.literal(1).describe("Version of this format."),
  environments: z
    .strictObject(environmentShape)
    .describe("What each environment does; one left out keeps the defaults."),
});
export type RolloutConfig = z.infer<typeof rolloutConfigSchema>;

export const emptyEnvironmentConfig: EnvironmentConfig = environmentConfigSchema.parse({});

/** GET /admin/rollout-config/:environment. Version 0: nobody has configured it. */
export const rolloutConfigViewSchema = z.object({
  environment: z.enum(environments),
  version: z.number().int(),
  /** The text as it was given. */
  source: z.string(),
  config: environmentConfigSchema,
  createdBy: z.string().nullable(),
  createdAt: isoTimeSchema.nullable(),
  /** What a deploy created now would go by: each service that is named, and ghosthands. */
  effective: z.partialRecord(
    z.enum(services),
    z.object({ knobs: knobsSchema, analysis: analysisConfigSchema.nullable() }),
  ),
  /** The freeze that holds now. */
  freeze: deployFreezeSchema.nullable(),
});
export type RolloutConfigView = z.infer<typeof rolloutConfigViewSchema>;
export const rolloutConfigCheckSchema = z.strictObject({
  /** rollout.yml, as YAML or JSON; of its environments the one in the path counts. */
  source: z.string().min(1).max(65_536),
});
export const rolloutConfigPutSchema = rolloutConfigCheckSchema.extend({
  /** Refuse (409) unless this is the newest version; 0: there is none. */
  expectedVersion: z.number().int().min(0),
  reason: z.string().max(500).default(""),
});
/** What it would do; nothing is stored. */
export const rolloutConfigCheckedSchema = rolloutConfigViewSchema
  .pick({ environment: true, config: true, effective: true, freeze: true })
  .extend({ currentVersion: z.number().int(), warnings: z.array(z.string()) });

/** Checks a parsed document. Each problem names its key, and what is allowed there. */
export function parseRolloutConfig(document: unknown): Result<RolloutConfig, ConfigProblem[]> {
  const parsed = rolloutConfigSchema.safeParse(document, { error: explainIssue });
  if (!parsed.success) return err(problemsOf(parsed.error.issues));
  const unfounded = metricsWithoutSource(parsed.data);
  return unfounded.length === 0 ? ok(parsed.data) : err(unfounded);
}

/**
 * A metric that nothing measures has no data, which is an error at every look: each canary would pause. Refused here and not by the
 * schema, so that what was stored before can still be read.
 */
function metricsWithoutSource({ environments: configs }: RolloutConfig): ConfigProblem[] {
  const message = "nothing measures points yet: use failureRate and durationMs, which come from tasks";
  return Object.entries(configs).flatMap(([environment, config]) =>
    Object.entries(config?.services ?? {}).flatMap(([service, { analysis }]): ConfigProblem[] => {
      if (!analysis || analysis.metrics.points.length === 0) return [];
      const path = ["environments", environment, "services", service, "analysis", "metrics", "points"];
      return [{ path, field: path.join("."), message, code: "custom" }];
    }),
  );
}

export interface ServiceSettings {
  knobs: RolloutKnobs;
  /** The service's own; null: a canary is judged by the shipped defaults. */
  analysis: AnalysisConfig | null;
}

/** What a deploy of this service goes by: shipped defaults, this installation's, the environment's, the service's, its own. */
export function settingsFor(
  service: Service,
  layers: { installation: KnobsOverride; environment: EnvironmentConfig; own?: KnobsOverride },
): ServiceSettings {
  const { analysis, knobs: ofService } = partsOf(layers.environment.services[service]);
  const knobs = resolveKnobs(layers.installation, layers.environment.defaults, ofService, layers.own ?? {});
  return { knobs, analysis: analysis ?? null };
}

function partsOf(service: z.infer<typeof serviceRolloutSchema> | undefined) {
  const { analysis, ...knobs } = service ?? {};
  return { analysis, knobs };
}

type Contradiction = [path: (string | number)[], message: string];

function contradictions({
  freezes,
  defaults,
  services: ofServices,
}: Omit<EnvironmentConfig, "approvals">): Contradiction[] {
  const found: Contradiction[] = [];
  freezes.forEach(({ name }, index) => {
    if (freezes.findIndex((other) => other.name === name) < index) {
      found.push([["freezes", index, "name"], "each freeze needs a name of its own"]);
    }
  });
  const inDefaults = knobConflicts(resolveKnobs(defaults));
  for (const { knob, message } of inDefaults) found.push([["defaults", knob], message]);
  for (const [service, own] of Object.entries(ofServices)) {
    for (const { knob, message } of knobConflicts(resolveKnobs(defaults, partsOf(own).knobs))) {
      if (!inDefaults.some((one) => one.message === message)) found.push([["services", service, knob], message]);
    }
  }
  return found;
}
