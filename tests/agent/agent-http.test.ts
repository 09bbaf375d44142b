import { randomUUID } from "node:crypto";
import { agentHeaders } from "@valet/contracts/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { agentKey, startTestAgent, type TestAgent } from "./agent-harness.ts";
import { deployAndSettle, ensureServing, type Fixtures, generationOf, makeFixtures } from "./fixture-releases.ts";
import { waitFor } from "../../tools/local-stack/wait-for.ts";

let fixtures: Fixtures;
let agent: TestAgent;

beforeAll(async () => {
  fixtures = await makeFixtures();
  agent = await startTestAgent({ program: fixtures.program, host: "127.31.1.5", registryUrl: fixtures.registry.url });
});
afterAll(async () => {
  await agent.destroy();
  await fixtures.close();
});

const json = { "content-type": "application/json" };

describe("what anybody may read", () => {
  it("health of an empty host: no generation, nothing runs, nothing accepts", async () => {
    expect(await agent.health()).toMatchObject({
      status: "ok",
      generation: null,
      activeWorkers: 0,
      accepting: false,
      deploySafe: true,
    });
    expect((await agent.plain("GET", "/")).body).toMatchObject({ status: "ok" });
    expect((await agent.plain("GET", "/generations")).body).toEqual({ generations: [] });
  });

  it("metrics, the probe page, and 404 for the rest", async () => {
    expect((await agent.plain("GET", "/metrics")).body.text).toMatch(
      /# TYPE valet_agent_active_jobs gauge\nvalet_agent_active_jobs 0/,
    );
    expect((await agent.plain("GET", "/probe")).body.text).toContain('id="word"');
    expect(await agent.plain("GET", "/nothing")).toMatchObject({ status: 404 });
    expect(await agent.plain("GET", `/deploys/${randomUUID()}`)).toMatchObject({ status: 404 });
    expect(await agent.plain("DELETE", "/health")).toMatchObject({ status: 405 });
  });
});

describe("paths that nobody can read", () => {
  it.each([
    ["/deploys/%E0", 404],
    ["//", 400],
  ])("%s is answered %i, not 500", async (path, status) => {
    expect((await agent.plain("GET", path)).status).toBe(status);
  });
});

describe("commands", () => {
  it("F41: nobody gives one without the key: not unsigned, not with another key", async () => {
    for (const path of [
      "/drain",
      "/undrain",
      "/rollback",
      "/settle",
      "/fence",
      "/generations/1/end",
      "/workers/w1/start",
    ]) {
      expect(await agent.plain("POST", path, { headers: json, body: "{}" }), path).toMatchObject({ status: 401 });
    }
    expect(await agent.plain("GET", "/logs")).toMatchObject({ status: 401 });
    const wrong = await agent.signed("POST", "/fence", { epoch: 999 }, { key: "another-sandbox-key-0000" });
    expect(wrong).toMatchObject({ status: 401, body: { error: "unauthorized" } });
    expect((await agent.health()).epoch).toBe(0);
  });

  it("F42: a clock that is off learns the agent's time from the signed refusal, and gets in with it", async () => {
    const late = await agent.signed(
      "POST",
      "/fence",
      { epoch: agent.nextEpoch() },
      { timestampMs: Date.now() - 3_600_000 },
    );
    expect(late.status).toBe(401);
    const again = await agent.signed(
      "POST",
      "/fence",
      { epoch: agent.nextEpoch() },
      { timestampMs: Number(late.body.time) },
    );
    expect(again.status).toBe(200);
  });

  it("a replayed request is refused and acts once", async () => {
    const nonce = randomUUID();
    const epoch = agent.nextEpoch();
    const timestampMs = Date.now();
    expect((await agent.signed("POST", "/fence", { epoch }, { nonce, timestampMs })).status).toBe(200);
    expect(await agent.signed("POST", "/fence", { epoch }, { nonce, timestampMs })).toMatchObject({ status: 401 });
  });

  it("headers that are there must verify, even where none are needed", async () => {
    const answer = await agent.plain("GET", "/health", {
      headers: { [agentHeaders.signature]: `sha256=${"0".repeat(64)}` },
    });
    expect(answer.status).toBe(401);
  });

  it.each([
    ["{", 400, "Invalid JSON body"],
    ["{}", 400, "Missing image_tag"],
    ['{"image_tag":""}', 400, "Missing image_tag"],
    ['{"image_tag":"v1; rm -rf /"}', 400, "Invalid image_tag format"],
    ['{"image_tag":"$(id)"}', 400, "Invalid image_tag format"],
    ['{"image_tag":7}', 400, "Invalid image_tag format"],
  ])("POST /deploy %s answers %i %s", async (body, status, error) => {
    expect(await agent.plain("POST", "/deploy", { headers: json, body })).toEqual({ status, body: { error } });
    expect(await agent.signed("POST", "/deploy", body)).toEqual({ status, body: { error } });
  });

  it("a field that is wrong is named; a body over 64 kB is refused", async () => {
    const wrong = await agent.signed("POST", "/deploy", { image_tag: "v1", order: "sideways", epoch: 0 });
    expect(wrong).toMatchObject({ status: 422, body: { error: "validation" } });
    expect(JSON.stringify(wrong.body.details)).toMatch(/epoch.*order|order.*epoch/);
    const body = `{"image_tag":"${"x".repeat(70_000)}"}`;
    expect((await agent.plain("POST", "/deploy", { headers: json, body })).status).toBe(413);
    // Signed all the same, or the driver would take the answer for nobody's.
    expect((await agent.signed("POST", "/deploy", body)).status).toBe(413);
  });

  it("an epoch that is not newer is refused with the newest one seen", async () => {
    const epoch = agent.nextEpoch();
    expect((await agent.signed("POST", "/fence", { epoch })).status).toBe(200);
    const stale = await agent.signed("POST", "/drain", { epoch });
    expect(stale).toMatchObject({ status: 409, body: { error: "stale_epoch", epoch } });
  });

  it("a refused command does not use its epoch up", async () => {
    const epoch = agent.nextEpoch();
    expect((await agent.signed("POST", "/deploy", { image_tag: "", epoch })).status).toBe(400);
    expect((await agent.signed("POST", "/fence", { epoch })).status).toBe(200);
  });
});

describe("the documented curl on the host", () => {
  it("works unsigned with a JSON type, answers at once, and is a visible pin outside the control plane's order", async () => {
    const before = (await agent.health()).epoch;
    const body = JSON.stringify({ image_tag: "v1", min_healthy_ms: 100, epoch: 9_000_000, order: "start-first" });
    const answer = await agent.plain("POST", "/deploy", { headers: json, body });
    expect(answer).toMatchObject({
      status: 200,
      body: { success: true, message: "Deploy of v1 initiated", image_tag: "v1" },
    });
    const outcome = await agent.outcome(String(answer.body.deploy_id));
    expect(outcome).toMatchObject({ phase: "verified", pinned: true });
    expect((await agent.health()).epoch).toBe(before);
  });

  it("is refused to pages and to forms, which the host's own browsers could be made to send", async () => {
    const body = JSON.stringify({ image_tag: "v2" });
    expect((await agent.plain("POST", "/deploy", { headers: { "content-type": "text/plain" }, body })).status).toBe(
      401,
    );
    const additions: Record<string, string>[] = [{ origin: "http://evil.example" }, { "sec-fetch-site": "cross-site" }];
    for (const added of additions) {
      expect((await agent.plain("POST", "/deploy", { headers: { ...json, ...added }, body })).status).toBe(401);
    }
  });
});

describe("reading logs and targeted workers", () => {
  it("logs come with a signature only", async () => {
    await ensureServing(agent, "v1");
    const list = await agent.signed("GET", "/logs");
    expect(list.body.units).toContain("g1-worker");
    expect(await agent.signed("GET", "/logs?unit=g1-worker&lines=5")).toMatchObject({ status: 200 });
    expect(await agent.signed("GET", "/logs?unit=../../etc/passwd")).toMatchObject({ status: 422 });
    expect(await agent.signed("GET", "/logs?unit=absent")).toMatchObject({ status: 404 });
  });

  it("F36: a targeted worker has the port of its id and keeps both over a kill", async () => {
    await ensureServing(agent, "v1");
    const started = await agent.signed("POST", "/workers/abc123/start", { epoch: agent.nextEpoch() });
    expect(started).toMatchObject({
      status: 200,
      body: { worker_id: "abc123", status_port: 3135, name: "gh-worker-abc123" },
    });
    const status = async () =>
      (await (await fetch("http://127.31.1.5:3135/worker/status")).json()) as { worker_id: string; boot_id: string };
    const first = await waitFor("the targeted worker", status);
    expect(first.worker_id).toBe("abc123");
    expect(started.body.pid).toBeGreaterThan(1);
    process.kill(Number(started.body.pid), "SIGKILL");
    await waitFor("its restart", async () => ((await status()).boot_id !== first.boot_id ? true : undefined));
    expect((await status()).worker_id).toBe("abc123");
  });

  it("F27: a targeted worker follows a deploy, and comes back with a rollback", async () => {
    const digestOf = async () => {
      const { body } = await agent.plain("GET", "/workers");
      return (body.workers as { image_digest: string }[])[0]?.image_digest;
    };
    await ensureServing(agent, "v1");
    await agent.signed("POST", "/workers/abc123/start", { epoch: agent.nextEpoch() });
    const settled = await deployAndSettle(agent, "v2");
    await waitFor("the new release", async () =>
      (await digestOf()) === fixtures.release("v2").digest ? true : undefined,
    );
    const deployId = randomUUID();
    const back = { epoch: agent.nextEpoch(), deploy_id: deployId, image_digest: fixtures.release("v1").digest };
    expect((await agent.signed("POST", "/rollback", back)).status).toBe(200);
    expect((await agent.outcome(deployId)).phase).toBe("rolled_back");
    await waitFor("the old release", async () =>
      (await digestOf()) === fixtures.release("v1").digest ? true : undefined,
    );
    await waitFor("the bad one to go", async () =>
      (await generationOf(agent, settled.generation ?? 0))?.state === "ended" ? true : undefined,
    );
    expect((await agent.signed("POST", "/workers/abc123/stop", { epoch: agent.nextEpoch() })).status).toBe(200);
    expect((await agent.plain("GET", "/workers")).body).toEqual({ workers: [] });
    expect(agent.log()).not.toContain(agentKey);
  });
});
