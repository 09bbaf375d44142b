import { parseRolloutConfig } from "@valet/contracts";
import { strategies } from "@valet/shared";
import { parse } from "yaml";
import { describe, expect, it } from "vitest";
import { parseOptions } from "./options.ts";
import { strategyConfig } from "./strategy-config.ts";

describe("the flags of npm start", () => {
  it("roll out unless told otherwise, and name the strategies there are", () => {
    expect(parseOptions([])).toMatchObject({ strategy: "rolling", port: 3000 });
    expect(parseOptions(["--once", "--strategy", "blue-green"])).toMatchObject({ strategy: "blue-green", port: 0 });
    expect(() => parseOptions(["--strategy", "sideways"])).toThrow(
      "--strategy sideways is unknown: use rolling or canary or blue-green",
    );
    expect(() => parseOptions(["--empty", "--strategy", "canary"])).toThrow("--strategy goes with the story");
  });
});

describe("what the story configures", () => {
  it.each(strategies.filter((name) => name !== "rolling"))("%s is a valid rollout.yml", (strategy) => {
    const parsed = parseRolloutConfig(parse(strategyConfig(strategy, "staging") ?? ""));
    expect(parsed.ok ? parsed.value.environments.staging?.services.ghosthands?.strategy : parsed.error).toBe(strategy);
  });
});
