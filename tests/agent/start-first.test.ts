import { randomUUID } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readProcess } from "@valet/rollout/host";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { waitFor } from "../../tools/local-stack/wait-for.ts";
import { startTestAgent, type TestAgent } from "./agent-harness.ts";
import { deployAndSettle, type Fixtures, generationOf, makeFixtures, startJob } from "./fixture-releases.ts";

let fixtures: Fixtures;
let agent: TestAgent;

beforeAll(async () => {
  fixtures = await makeFixtures();
});
afterAll(() => fixtures.close());
beforeEach(async () => {
  agent = await startTestAgent({ program: fixtures.program, host: "127.31.1.1", registryUrl: fixtures.registry.url });
});
afterEach(() => agent.destroy());

const settled = (tag: string) => deployAndSettle(agent, tag);
const generation = (number: number) => generationOf(agent, number);

describe("a start-first deploy on a host", () => {
  it("F12: what runs is what was asked for: the digest that both processes report themselves", async () => {
    await settled("v1");
    const first = await agent.health();
    expect(first).toMatchObject({
      imageTag: "v1",
      imageDigest: fixtures.release("v1").digest,
      activeWorkers: 0,
      accepting: true,
    });
    await settled("v2");
    const second = await agent.health();
    expect(second).toMatchObject({ imageTag: "v2", imageDigest: fixtures.release("v2").digest, generation: 2 });
  });

  it("two generations live side by side until the old one is drained; then it is warm and its processes are still there", async () => {
    await settled("v1");
    await startJob(agent.frontApi, 8000);
    await settled("v2");
    const [newer, older] = (await agent.health()).generations;
    expect(newer).toMatchObject({ generation: 2, state: "serving", imageDigest: fixtures.release("v2").digest });
    expect(older).toMatchObject({
      generation: 1,
      state: "draining",
      imageDigest: fixtures.release("v1").digest,
      activeJobs: 1,
    });
    await waitFor(
      "the old generation to refuse new work",
      async () => (await generation(1))?.accepting === false || undefined,
    );
    expect(newer?.workerPid).not.toBe(older?.workerPid);
    await waitFor("the old generation to be warm", async () => (await generation(1))?.state === "warm" || undefined);
    expect(readProcess((await generation(1))?.workerPid ?? 0)).toBeDefined();
  });

  it("a version whose browser cannot start fails its verification and leaves the old generation serving", async () => {
    await settled("v1");
    const before = await generation(1);
    const outcome = await agent.outcome(await agent.deploy("v3"));
    expect(outcome.phase).toBe("failed");
    expect(outcome.message).toMatch(
      /v3: the synthetic browser task failed: its browser does not start: the browser ended/,
    );
    const after = await agent.health();
    expect(after).toMatchObject({ imageTag: "v1", accepting: true });
    expect(after.generations.map(({ generation, state }) => [generation, state])).toEqual([
      [1, "serving"],
      [2, "ended"],
    ]);
    expect(await generation(1)).toMatchObject({ apiPid: before?.apiPid, workerPid: before?.workerPid });
    expect(readdirSync(join(agent.ghDataDir, "profiles"))).toEqual(["g1-b0"]);
  });

  it("F20: a version that cannot boot says what its processes said, and the sentence is still there later", async () => {
    await settled("v1");
    const deployId = await agent.deploy("v4");
    const outcome = await agent.outcome(deployId);
    expect(outcome.phase).toBe("failed");
    expect(outcome.message).toContain("g2-worker ended 4 times in a row");
    expect(outcome.message).toContain("no worker today");
    expect((await agent.health()).currentDeploy?.message).toBe(outcome.message);
    await agent.kill("SIGKILL");
    await agent.start();
    expect((await agent.outcome(deployId)).message).toBe(outcome.message);
  });

  it("F13: a failed pull fails the deploy, restarts nothing and says so", async () => {
    await settled("v1");
    const before = await generation(1);
    const outcome = await agent.outcome(await agent.deploy("absent"));
    expect(outcome).toMatchObject({ phase: "failed", generation: null });
    expect(outcome.message).toContain("the pull of absent failed");
    expect(await generation(1)).toMatchObject({
      state: "serving",
      apiPid: before?.apiPid,
      workerPid: before?.workerPid,
      restarts: 0,
    });
  });

  it("a tag that moved away from the pinned digest fails the deploy", async () => {
    await fixtures.registry.putRelease(fixtures.release("v1"), "moving");
    await fixtures.registry.moveTag("moving", fixtures.release("v2").digest);
    const outcome = await agent.outcome(await agent.deploy("moving", { image_digest: fixtures.release("v1").digest }));
    expect(outcome.phase).toBe("failed");
    expect(outcome.message).toContain("tag moving moved");
    // A deploy back says by its digest alone what it means: it need not care where the tag points by now.
    const back = { image_digest: fixtures.release("v1").digest, by_digest: true };
    const byDigest = await agent.outcome(await agent.deploy("moving", back));
    expect(byDigest).toMatchObject({ phase: "verified", imageDigest: fixtures.release("v1").digest });
  });

  it("F10: accepted is not done: the answer comes before anything runs, and the outcome only after it was verified", async () => {
    const deployId = await agent.deploy("v1", { min_healthy_ms: 1500 });
    const early = (await agent.health()).currentDeploy;
    expect(early).toMatchObject({ deployId, endedAt: null });
    expect(["fetching", "installing", "starting", "verifying"]).toContain(early?.phase);
    const outcome = await agent.outcome(deployId);
    expect(outcome.phase).toBe("verified");
    expect(Date.parse(outcome.endedAt ?? "") - Date.parse(outcome.startedAt)).toBeGreaterThanOrEqual(1500);
  });

  it("F15: a second deployer is refused while a deploy runs, and is told which", async () => {
    const deployId = await agent.deploy("v1", { min_healthy_ms: 1000 });
    const second = await agent.signed("POST", "/deploy", {
      image_tag: "v2",
      epoch: agent.nextEpoch(),
      deploy_id: randomUUID(),
    });
    expect(second).toMatchObject({ status: 409, body: { error: "conflict" } });
    expect(second.body.message).toContain(deployId);
    expect(second.body.message).toContain("v1");
    expect((await agent.outcome(deployId)).phase).toBe("verified");
    expect((await agent.health()).generations).toHaveLength(1);
  });

  it("the same deploy again starts nothing new", async () => {
    const deployId = await agent.deploy("v1");
    await agent.outcome(deployId);
    const again = await agent.signed("POST", "/deploy", {
      image_tag: "v1",
      epoch: agent.nextEpoch(),
      deploy_id: deployId,
    });
    expect(again).toMatchObject({ status: 200, body: { deploy_id: deployId } });
    expect((await agent.health()).generations).toHaveLength(1);
  });

  it("a release with one flipped byte on disk is never started: it is fetched anew", async () => {
    await settled("v1");
    const file = join(agent.dataDir, "agent/releases", fixtures.release("v1").digest.slice(7), "root/worker.js");
    const bytes = readFileSync(file);
    bytes[50] = (bytes[50] ?? 0) ^ 1;
    writeFileSync(file, bytes);
    const outcome = await agent.outcome(await agent.deploy("v1"));
    expect(outcome.phase, outcome.message).toBe("verified");
    expect((await generation(2))?.imageDigest).toBe(fixtures.release("v1").digest);
  });

  it("a rollback wakes the warm generation, and the newer one leaves", async () => {
    await settled("v1");
    const before = await generation(1);
    await settled("v2");
    await waitFor("warm", async () => (await generation(1))?.state === "warm" || undefined);
    const deployId = randomUUID();
    const answer = await agent.signed("POST", "/rollback", { epoch: agent.nextEpoch(), deploy_id: deployId });
    expect(answer.status).toBe(200);
    expect(await agent.outcome(deployId)).toMatchObject({
      phase: "rolled_back",
      generation: 1,
      imageDigest: fixtures.release("v1").digest,
    });
    await waitFor("v2 to be gone", async () => (await generation(2))?.state === "ended" || undefined);
    expect(await generation(1)).toMatchObject({ state: "serving", accepting: true, workerPid: before?.workerPid });
  });

  it("F11: without a digest a rollback goes to the RECORDED previous release, wherever tags point by now", async () => {
    await fixtures.registry.putRelease(fixtures.release("v1"), "latest");
    await settled("latest");
    await fixtures.registry.moveTag("latest", fixtures.release("v2").digest);
    await settled("latest");
    await agent.signed("POST", "/generations/1/end", { epoch: agent.nextEpoch() });
    await waitFor("the old generation to end", async () => (await generation(1))?.state === "ended" || undefined);
    const deployId = randomUUID();
    await agent.signed("POST", "/rollback", { epoch: agent.nextEpoch(), deploy_id: deployId });
    const outcome = await agent.outcome(deployId);
    expect(outcome).toMatchObject({ phase: "rolled_back", imageDigest: fixtures.release("v1").digest });
    expect((await agent.health()).imageDigest).toBe(fixtures.release("v1").digest);
  });

  it("F21: a rollback that does not come up leaves the good generation alone", async () => {
    await settled("v1");
    const before = await generation(1);
    const deployId = randomUUID();
    await agent.signed("POST", "/rollback", {
      epoch: agent.nextEpoch(),
      deploy_id: deployId,
      image_digest: fixtures.release("v4").digest,
    });
    const outcome = await agent.outcome(deployId);
    expect(outcome.phase).toBe("failed");
    expect(outcome.message).toContain("What runs was left alone");
    expect(await generation(1)).toMatchObject({
      state: "serving",
      accepting: true,
      workerPid: before?.workerPid,
      apiPid: before?.apiPid,
    });
  });

  it("ending the candidate of a running deploy calls the deploy off", async () => {
    await settled("v1");
    const deployId = await agent.deploy("v2", { min_healthy_ms: 20_000, healthy_deadline_ms: 60_000 });
    await waitFor("the candidate", async () => (await generation(2))?.healthy || undefined);
    const answer = await agent.signed("POST", "/generations/2/end", { epoch: agent.nextEpoch() });
    expect(answer.status).toBe(200);
    expect((await agent.outcome(deployId)).phase).toBe("superseded");
    expect(await generation(2)).toMatchObject({ state: "ended" });
    expect(await generation(1)).toMatchObject({ state: "serving", accepting: true });
  });

  it("a fence calls off the deploy it names, so that nothing comes up behind an abort; it leaves any other alone", async () => {
    await settled("v1");
    const deployId = await agent.deploy("v2", { min_healthy_ms: 20_000, healthy_deadline_ms: 60_000 });
    const other = await agent.signed("POST", "/fence", { epoch: agent.nextEpoch(), deploy_id: randomUUID() });
    expect(other.body.message).toContain("goes on");
    const fenced = await agent.signed("POST", "/fence", { epoch: agent.nextEpoch(), deploy_id: deployId });
    expect(fenced.body.message).toContain("called off");
    expect((await agent.outcome(deployId)).phase).toBe("superseded");
    expect(await generation(1)).toMatchObject({ state: "serving", accepting: true });
    expect((await agent.health()).generations.filter(({ state }) => state !== "ended")).toHaveLength(1);
  });
});
