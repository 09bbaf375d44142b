import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findProcesses } from "@valet/rollout/host";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type BuiltRelease, buildRelease } from "../../tools/artefacts/build-release.ts";
import { type LocalRegistry, startRegistry } from "../../tools/artefacts/registry.ts";
import { findBrowser } from "../../tools/local-stack/find-browser.ts";
import { brokenBrowserPatch } from "../../tools/story/broken-browser.ts";
import { buildAgent, startTestAgent, type TestAgent } from "./agent-harness.ts";
import { deployAndSettle, generationOf } from "./fixture-releases.ts";

const scratch = mkdtempSync(join(tmpdir(), "real-release-"));
let registry: LocalRegistry;
let good: BuiltRelease;
let agent: TestAgent;

beforeAll(async () => {
  registry = await startRegistry({ dir: join(scratch, "registry") });
  good = await buildRelease({ version: "v1", outDir: join(scratch, "v1") });
  const broken = await buildRelease({ version: "v3", outDir: join(scratch, "v3"), patch: [brokenBrowserPatch] });
  await registry.putRelease(good, "v1");
  await registry.putRelease(broken, "v3");
  const program = await buildAgent(join(scratch, "agent.mjs"));
  const browserPath = findBrowser(undefined, () => undefined);
  const env = { VALET_BROWSER_PATH: browserPath, VALET_CAPACITY: "1" };
  agent = await startTestAgent({ program, host: "127.31.1.4", registryUrl: registry.url, leaseMs: 60_000, env });
});
afterAll(async () => {
  await agent.destroy();
  await registry.close();
  rmSync(scratch, { recursive: true, force: true });
});

const times = { min_healthy_ms: 200, healthy_deadline_ms: 40_000 };

describe("GHOST-HANDS' own release on a real browser", () => {
  it("is installed, started and verified by a synthetic task", async () => {
    await deployAndSettle(agent, "v1");
    expect(await agent.health()).toMatchObject({
      imageTag: "v1",
      imageDigest: good.digest,
      activeWorkers: 0,
      accepting: true,
    });
  });

  it("a build that cannot start its browser is caught, cleaned up after, and the old one serves on", async () => {
    const before = await generationOf(agent, 1);
    const outcome = await agent.outcome(await agent.deploy("v3", times));
    expect(outcome.phase).toBe("failed");
    expect(outcome.message).toContain("v3");
    expect(await generationOf(agent, 1)).toMatchObject({
      state: "serving",
      workerPid: before?.workerPid,
      accepting: true,
    });
    expect(findProcesses(join(agent.ghDataDir, "profiles/g2-"))).toEqual([]);
    const profiles = join(agent.ghDataDir, "profiles");
    expect(existsSync(profiles) ? readdirSync(profiles).filter((name) => name.startsWith("g2-")) : []).toEqual([]);
  });
});
