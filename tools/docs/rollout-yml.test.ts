import { readFileSync } from "node:fs";
import { analysisConfigSchema, knobsOverrideSchema, settingsFor } from "@valet/contracts";
import { parseRolloutYaml, yamlProblemText } from "@valet/contracts/node";
import { describe, expect, it } from "vitest";
import { renderRolloutYml, rolloutExampleFile, rolloutYmlFile } from "./rollout-yml.ts";

describe("docs/rollout-yml.md", () => {
  it("is what the schemas say now", async () => {
    const message = "run: npx tsx --conditions=source tools/docs/rollout-yml.ts";
    expect(readFileSync(rolloutYmlFile, "utf8") === (await renderRolloutYml()), message).toBe(true);
  });

  it("has a row with a description for each knob and each key of an analysis", async () => {
    const text = await renderRolloutYml();
    for (const key of [...Object.keys(knobsOverrideSchema.shape), ...Object.keys(analysisConfigSchema.shape)]) {
      expect(text).toMatch(new RegExp(`^\\| \`${key}\` +\\|[^|]+\\|[^|]+\\| [A-Z][^|]+\\.`, "m"));
    }
  });
});

describe("docs/rollout.example.yml", () => {
  const parsed = parseRolloutYaml(readFileSync(rolloutExampleFile, "utf8"));

  it("is valid", () => {
    expect(parsed.ok ? [] : parsed.error.map(yamlProblemText)).toEqual([]);
  });

  it("comes to what its comments say", () => {
    if (!parsed.ok) throw new Error("the example is not valid");
    const { staging, production } = parsed.value.environments;
    if (!staging || !production) throw new Error("the example lacks an environment");
    const worker = settingsFor("valet-worker", { installation: {}, environment: staging });
    expect(worker.knobs).toMatchObject({ order: "stop-first", maxUnavailable: "25%", maxParallel: 2 });
    const canary = settingsFor("ghosthands", { installation: {}, environment: production });
    expect(canary.knobs).toMatchObject({ strategy: "canary", failureAction: "rollback", rollbackWindowMs: 3_600_000 });
    expect(canary.analysis).toMatchObject({ alpha: 0.01, windowMs: 600_000 });
    const web = settingsFor("valet-web", { installation: {}, environment: production });
    expect(web.knobs).toMatchObject({ strategy: "blue-green", autoPromote: false, failureAction: "pause" });
  });
});
