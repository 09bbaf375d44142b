import { randomUUID } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { readProcess } from "@valet/rollout/host";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { waitFor } from "../../tools/local-stack/wait-for.ts";
import { startTestAgent, type TestAgent } from "./agent-harness.ts";
import { type Fixtures, generationOf, makeFixtures, startJob } from "./fixture-releases.ts";

let fixtures: Fixtures;
let agent: TestAgent;

beforeAll(async () => {
  fixtures = await makeFixtures();
});
afterAll(() => fixtures.close());
beforeEach(async () => {
  agent = await startTestAgent({ program: fixtures.program, host: "127.31.1.2", registryUrl: fixtures.registry.url });
});
afterEach(() => agent.destroy());

const stopFirst = async (tag: string, more: Record<string, unknown> = {}) =>
  agent.outcome(await agent.deploy(tag, { order: "stop-first", ...more }));

describe("a stop-first deploy on a host", () => {
  it("replaces what runs: the old generation is gone before the new one starts", async () => {
    expect(await stopFirst("v1")).toMatchObject({ phase: "serving", generation: 1 });
    const old = await generationOf(agent, 1);
    expect(await stopFirst("v2")).toMatchObject({ phase: "serving", generation: 2 });
    expect(await agent.health()).toMatchObject({ imageDigest: fixtures.release("v2").digest, accepting: true });
    expect(await generationOf(agent, 1)).toMatchObject({ state: "ended" });
    expect(old?.workerPid).toBeGreaterThan(1);
    expect(readProcess(old?.workerPid ?? 0)).toBeUndefined();
    expect(readdirSync(join(agent.ghDataDir, "profiles"))).toEqual(["g2-b0"]);
  });

  it("waits for running jobs before it stops anything, and takes no new ones meanwhile", async () => {
    await stopFirst("v1");
    const startedMs = performance.now();
    const job = await startJob(agent.frontApi, 5000);
    const deployId = await agent.deploy("v2", { order: "stop-first" });
    await waitFor("draining", async () => (await agent.health()).currentDeploy?.phase === "draining" || undefined);
    await waitFor(
      "the old worker to refuse",
      async () => (await generationOf(agent, 1))?.accepting === false || undefined,
    );
    expect(await generationOf(agent, 1)).toMatchObject({ state: "serving", activeJobs: 1 });
    expect(job).toBeTruthy();
    expect((await agent.outcome(deployId)).phase).toBe("serving");
    expect(performance.now() - startedMs).toBeGreaterThan(5000);
  });

  it("F21: a version that fails goes back to the digest the command names, and that one serves", async () => {
    await stopFirst("v1");
    const outcome = await stopFirst("v3", { previous_digest: fixtures.release("v1").digest });
    expect(outcome.phase).toBe("rolled_back");
    expect(outcome.message).toContain("the synthetic browser task failed");
    expect(await agent.health()).toMatchObject({ imageDigest: fixtures.release("v1").digest, accepting: true });
  });

  it("F11: the way back is the digest that is named, not the tag's newest image", async () => {
    await fixtures.registry.putRelease(fixtures.release("v1"), "latest");
    await stopFirst("latest");
    await fixtures.registry.moveTag("latest", fixtures.release("v3").digest);
    const outcome = await stopFirst("latest", { previous_digest: fixtures.release("v1").digest });
    expect(outcome.phase).toBe("rolled_back");
    expect((await agent.health()).imageDigest).toBe(fixtures.release("v1").digest);
  });

  it("F13: a failed pull stops nothing", async () => {
    await stopFirst("v1");
    const before = await generationOf(agent, 1);
    const outcome = await stopFirst("absent");
    expect(outcome).toMatchObject({ phase: "failed" });
    expect(outcome.message).toContain("Nothing on this host was changed");
    expect(await generationOf(agent, 1)).toMatchObject({ workerPid: before?.workerPid, restarts: 0, accepting: true });
  });

  it("a way back that cannot be had fails the deploy before anything is stopped", async () => {
    await stopFirst("v1");
    const outcome = await stopFirst("v2", { previous_digest: `sha256:${"0".repeat(64)}` });
    expect(outcome.phase).toBe("failed");
    expect(outcome.message).toContain("can neither be found here nor fetched");
    expect(await generationOf(agent, 1)).toMatchObject({ state: "serving" });
  });

  it("killed while it verifies, the next agent goes on to the same end", async () => {
    await stopFirst("v1");
    const deployId = await agent.deploy("v2", { order: "stop-first", min_healthy_ms: 2000 });
    await waitFor("verifying", async () => (await agent.health()).currentDeploy?.phase === "verifying" || undefined);
    const candidate = await generationOf(agent, 2);
    await agent.kill("SIGKILL");
    await agent.start();
    expect(await agent.outcome(deployId)).toMatchObject({ phase: "serving", generation: 2 });
    expect(await generationOf(agent, 2)).toMatchObject({ workerPid: candidate?.workerPid, state: "serving" });
  });

  it("lifts the drain of its own deploy when it is done, and nobody else's", async () => {
    await stopFirst("v1");
    const deployId = randomUUID();
    const drain = (holder: string | undefined, path = "/drain") =>
      agent.signed("POST", path, { epoch: agent.nextEpoch(), deploy_id: holder });
    await drain(deployId);
    expect((await agent.health()).accepting).toBe(false);
    expect(await stopFirst("v2", { deploy_id: deployId })).toMatchObject({ phase: "serving" });
    await waitFor("the new one to accept", async () => (await agent.health()).accepting || undefined);
    await drain(undefined);
    await drain(deployId);
    await drain(deployId, "/undrain");
    expect((await agent.health()).accepting).toBe(false);
    await drain(undefined, "/undrain");
    await waitFor("it to accept again", async () => (await agent.health()).accepting || undefined);
  });
});
