import { z } from "zod";

const share = z.number().gt(0).max(1);

/**
 * How a canary is judged (`docs/analysis.md`). `alpha` is split over the metrics and, within each, over the looks; what is
 * spent adds up to `alpha` at most, so a release equal to the one before it is failed at most that often.
 */
export const analysisConfigSchema = z
  .strictObject({
    alpha: z
      .number()
      .gt(0)
      .max(0.5)
      .default(0.05)
      .describe(
        "The most often that a release no worse than the one before may be failed, over all metrics and looks.",
      ),
    looks: z
      .array(
        z.strictObject({
          tasksPerArm: z.number().int().min(1).describe("This many tasks have ended in each arm."),
          share: share.describe("Share of alpha that this look may spend; all looks together at most 1."),
        }),
      )
      .min(1)
      .max(10)
      .default([
        { tasksPerArm: 5, share: 0.1 },
        { tasksPerArm: 10, share: 0.2 },
        { tasksPerArm: 20, share: 0.7 },
      ])
      .describe("When the numbers are looked at, in growing order."),
    minSample: z
      .number()
      .int()
      .min(1)
      .default(20)
      .describe("Ended tasks each arm needs before the canary can be called successful."),
    windowMs: z
      .number()
      .int()
      .min(0)
      .default(600_000)
      .describe("The canary takes real tasks at least this long before it can be called successful."),
    maxWaitMs: z
      .number()
      .int()
      .min(1000)
      .default(7_200_000)
      .describe("After this long without a verdict, whatever there is gets the last look."),
    metrics: z
      .strictObject({
        failureRate: z
          .strictObject({
            share: share
              .default(0.8)
              .describe("Share of alpha that this metric may spend; all metrics together at most 1."),
            maxIncrease: z
              .number()
              .min(0)
              .max(1)
              .default(0.01)
              .describe(
                "A difference of failure rates up to this is put up with, however certain it is. 0.01: one in a hundred.",
              ),
            minBad: z
              .number()
              .int()
              .min(1)
              .default(2)
              .describe("Fewer failed canary tasks than this never fail the canary."),
            doubtBelow: z
              .number()
              .min(0)
              .max(0.5)
              .default(0.1)
              .describe("A one-sided p below this is not yet a failure and no longer a success: inconclusive."),
          })
          .nullable()
          .prefault({})
          .describe("How many tasks failed. null: not judged."),
        durationMs: z
          .strictObject({
            share: share.default(0.2).describe("Its share of alpha."),
            maxIncrease: z
              .number()
              .min(0)
              .default(0.1)
              .describe("A median longer by up to this share is put up with. 0.1: a tenth."),
            minSample: z.number().int().min(1).default(10).describe("Values each arm needs."),
          })
          .nullable()
          .prefault({})
          .describe("How long good tasks took. null: not judged."),
        points: z
          .array(
            z.strictObject({
              name: z.string().min(1).max(100).describe("Which metric."),
              share: share.describe("Its share of alpha."),
              worse: z.enum(["higher", "lower"]).default("higher").describe("Which way is bad."),
              minSample: z.number().int().min(1).default(10).describe("Points each arm needs."),
            }),
          )
          .max(10)
          .default([])
          .describe("Metrics that come as points rather than tasks. None has a source yet: must be empty."),
      })
      .prefault({})
      .describe("What is compared."),
  })
  .superRefine((config, context) => {
    for (const [path, message] of contradictions(config)) context.addIssue({ code: "custom", path, message });
  });
export type AnalysisConfig = z.infer<typeof analysisConfigSchema>;

export const analysisVerdicts = ["successful", "failed", "inconclusive", "error"] as const;
export type AnalysisVerdict = (typeof analysisVerdicts)[number];
const verdict = z.enum(analysisVerdicts);

/** One arm as a metric saw it. `running` had not ended at this look. `median` is of the values ranked; null without any. */
const armSummary = z.object({
  n: z.number().int(),
  bad: z.number().int().optional(),
  running: z.number().int().optional(),
  median: z.number().nullable().optional(),
});

export const metricResultSchema = z.object({
  name: z.string(),
  kind: z.enum(["failure_rate", "duration", "points"]),
  canary: armSummary,
  control: armSummary,
  test: z.enum(["fisher", "mann_whitney"]),
  /** One-sided: how likely a canary at least this bad is when nothing changed. Null when there was nothing to test. */
  pValue: z.number().nullable(),
  /** What this look could spend on this metric: the test rejects at p ≤ this. */
  alphaSpent: z.number(),
  verdict,
  /** One plain sentence. */
  reason: z.string(),
});
export type MetricResult = z.infer<typeof metricResultSchema>;

/** The numbers behind a verdict, as they are stored with the deploy and shown. */
export const analysisResultSchema = z.object({
  verdict,
  /** False: nothing is to be done yet. Not failed so far, and looks are left, or tasks that still run could change it. */
  final: z.boolean(),
  reason: z.string(),
  /** From 1. */
  look: z.number().int(),
  looksTotal: z.number().int(),
  metrics: z.array(metricResultSchema),
  /** Attempts that started later than this were not looked at. Null when none were. */
  startedUntil: z.number().nullable(),
  at: z.number(),
});
export type AnalysisResult = z.infer<typeof analysisResultSchema>;

/** What a deploy remembers of its analysis: since when the arms are counted, and one result a look, oldest first. */
export const analysisStateSchema = z.object({ since: z.number(), results: z.array(analysisResultSchema) });
export type AnalysisState = z.infer<typeof analysisStateSchema>;

export const defaultAnalysisConfig: AnalysisConfig = analysisConfigSchema.parse({});

type Contradiction = [path: (string | number)[], message: string];

function contradictions(config: AnalysisConfig): Contradiction[] {
  const found: Contradiction[] = [];
  const { looks, metrics } = config;
  looks.forEach((look, index) => {
    const before = looks[index - 1];
    if (before && look.tasksPerArm <= before.tasksPerArm) {
      found.push([["looks", index, "tasksPerArm"], `must be more than the look before it (${before.tasksPerArm})`]);
    }
  });
  if (tooMuch(looks)) found.push([["looks"], "the shares of all looks together must not exceed 1"]);
  const last = looks[looks.length - 1];
  if (last && last.tasksPerArm < config.minSample) {
    found.push([
      ["looks", looks.length - 1, "tasksPerArm"],
      `the last look must not come before minSample (${config.minSample})`,
    ]);
  }
  if (config.windowMs > config.maxWaitMs) found.push([["windowMs"], "must not be longer than maxWaitMs"]);
  const used = [metrics.failureRate, metrics.durationMs, ...metrics.points].filter((metric) => metric !== null);
  if (used.length === 0) found.push([["metrics"], "at least one metric is needed"]);
  if (tooMuch(used)) found.push([["metrics"], "the shares of all metrics together must not exceed 1"]);
  const names = metrics.points.map((metric) => metric.name);
  if (new Set(names).size < names.length) found.push([["metrics", "points"], "each name may be used once"]);
  return found;
}

/** Tolerates the rounding of sums such as 0.1 + 0.2 + 0.7. */
function tooMuch(parts: { share: number }[]): boolean {
  return parts.reduce((sum, part) => sum + part.share, 0) > 1 + 1e-9;
}
