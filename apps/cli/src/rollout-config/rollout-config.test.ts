import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type RolloutConfigView, environmentConfigSchema, settingsFor } from "@valet/contracts";
import { UserError } from "@valet/shared";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type FakeApi, startFakeApi } from "../testing/fake-api.ts";
import { at } from "../testing/fake-views.ts";
import { runValet } from "../testing/run-valet.ts";

let api: FakeApi;
let folder: string;
beforeEach(async () => {
  api = await startFakeApi();
  folder = await mkdtemp(join(tmpdir(), "valet-config-"));
});
afterEach(async () => {
  await api.close();
  await rm(folder, { recursive: true });
});

const staging = environmentConfigSchema.parse({
  approvals: 1,
  freezes: [{ name: "weekend", days: ["fri", "sat"], from: "18:00", to: "06:00", timezone: "Europe/Berlin" }],
  defaults: { maxParallel: 2 },
  services: { ghosthands: { strategy: "canary", analysis: { alpha: 0.01 } } },
});
const source = "# ours\nversion: 1\nenvironments:\n  staging: { approvals: 1 }\n";
const viewAt = (version: number): RolloutConfigView => ({
  ...{
    environment: "staging",
    version,
    config: version === 0 ? environmentConfigSchema.parse({}) : staging,
    freeze: null,
  },
  source: version === 0 ? "" : source,
  createdBy: version === 0 ? null : "admin:acme/ann",
  createdAt: version === 0 ? null : at(60_000),
  effective: { ghosthands: settingsFor("ghosthands", { installation: {}, environment: staging }) },
});
const write = (text: string) => writeFile(join(folder, "rollout.yml"), text);
const run = (...args: string[]) => runValet(["config", ...args], { api, folder });

describe("valet config show", () => {
  it("says what counts and what it comes to", async () => {
    api.answers.getRolloutConfig = () => viewAt(3);
    const ran = await run("show", "--environment", "staging");
    expect(ran.stderr).toBe("");
    expect(ran.stdout).toMatchInlineSnapshot(`
      "Environment  staging
      Version      3, by admin:acme/ann 1m ago
      Approvals    1, by others than who asks
      Freezes      weekend (fri, sat 18:00–06:00 Europe/Berlin)
      Frozen now   no
      ghosthands   canary, start-first, maxParallel 2, analysis with alpha 0.01
      "
    `);
  });
  it("prints the file as it was applied", async () => {
    api.answers.getRolloutConfig = () => viewAt(3);
    expect((await run("show", "--environment", "staging", "--source")).stdout).toBe(source);
  });
  it("says that there is none", async () => {
    api.answers.getRolloutConfig = () => viewAt(0);
    expect((await run("show", "--environment", "staging")).stdout).toContain("none: the defaults count");
    const ran = await run("show", "--environment", "staging", "--source");
    expect([ran.code, ran.stderr]).toEqual([1, expect.stringContaining("Nobody has configured staging yet")]);
  });
});

describe("valet config validate", () => {
  it("checks a file without the API", async () => {
    await write(source);
    const ran = await runValet(["config", "validate", "rollout.yml"], { folder });
    expect([ran.code, ran.stdout]).toEqual([0, "rollout.yml is valid; it configures staging.\n"]);
  });
  it("names each key that is wrong with its line, and ends with 1", async () => {
    await write("version: 1\nenvironments:\n  staging:\n    approvals: -1\n    freeze: []\n");
    const ran = await run("validate", "rollout.yml");
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain("rollout.yml has 2 problems:");
    expect(ran.stderr).toContain("line 4, column 16: environments.staging.approvals: must be at least 0");
    expect(ran.stderr).toContain(
      "line 5, column 5: environments.staging.freeze: there is no such key; allowed here: approvals, freezes, defaults, services",
    );
    expect(api.calls).toEqual([]);
  });
  it("asks the API what the environment's hosts make of it", async () => {
    await write(source);
    const { config, effective, freeze } = viewAt(2);
    const warnings = ["ghosthands: canarySteps.0.hosts must be at most 1: there are no more hosts"];
    api.answers.checkRolloutConfig = () => ({
      environment: "staging",
      config,
      effective,
      freeze,
      currentVersion: 2,
      warnings,
    });
    const ran = await run("validate", "rollout.yml", "--environment", "staging");
    expect(ran.stdout).toBe(
      "rollout.yml is valid for staging, where version 2 counts now.\nMind: ghosthands: canarySteps.0.hosts must be at most 1: there are no more hosts\n",
    );
  });
  it.each([
    [["validate", "nowhere.yml"], "Could not read nowhere.yml: ENOENT"],
    [["validate", "rollout.yml", "--environment", "production"], "rollout.yml has no production; it names staging"],
    [["apply", "rollout.yml"], "--environment"],
    [["apply", "--environment", "staging"], "file"],
  ])("%j is wrong usage", async (args, words) => {
    await write(source);
    const ran = await run(...args);
    expect([ran.code, ran.stderr]).toEqual([2, expect.stringContaining(words)]);
  });
});

describe("valet config apply", () => {
  it("stores the next version of what counts now", async () => {
    await write(source);
    api.answers.getRolloutConfig = () => viewAt(2);
    api.answers.putRolloutConfig = () => viewAt(3);
    const ran = await run("apply", "rollout.yml", "--environment", "staging", "--reason", "two people");
    expect(ran.stdout).toContain("Version 3 counts in staging now, for deploys created from here on.");
    expect(api.calls.at(-1)?.body).toEqual({ source, expectedVersion: 2, reason: "two people" });
  });
  it("refuses when somebody else was first", async () => {
    await write(source);
    api.answers.putRolloutConfig = () => {
      throw new UserError(
        "conflict",
        "The configuration of staging is at version 3 now, put by admin:acme/bob, not at 2.",
      );
    };
    const ran = await run("apply", "rollout.yml", "--environment", "staging", "--expected-version", "2");
    expect([ran.code, ran.stderr]).toEqual([1, expect.stringContaining("is at version 3 now, put by admin:acme/bob")]);
  });
});
