import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { waitFor } from "../../tools/local-stack/wait-for.ts";
import { serviceSecret, startTestAgent, type TestAgent } from "./agent-harness.ts";
import {
  deployAndSettle,
  ensureServing,
  type Fixtures,
  generationOf,
  makeFixtures,
  signalWorker,
  startJob,
} from "./fixture-releases.ts";

let fixtures: Fixtures;
let agent: TestAgent;

beforeAll(async () => {
  fixtures = await makeFixtures();
  agent = await startTestAgent({ program: fixtures.program, host: "127.31.1.6", registryUrl: fixtures.registry.url });
});
afterAll(async () => {
  await agent.destroy();
  await fixtures.close();
});

const worker = (path: string, method = "GET") => agent.plain(method, `${agent.frontWorker}${path}`);
const version = async () => (await agent.plain("GET", `${agent.frontApi}/health`)).body.version;

describe("the fronts on 3100 and 3101", () => {
  it("say that nothing is known while nothing runs: 503, never an idle worker", async () => {
    expect(await worker("/worker/health")).toMatchObject({ status: 503 });
    expect(await agent.plain("GET", `${agent.frontApi}/health`)).toMatchObject({ status: 503 });
  });

  it("lead to the only generation, with its streams as they come", async () => {
    await ensureServing(agent, "v1");
    expect(await version()).toBe("v1");
    expect(await worker("/worker/health")).toMatchObject({
      status: 200,
      body: { status: "idle", deploy_safe: true, accepting: true },
    });
    const response = await fetch(`${agent.frontApi}/api/v1/gh/jobs/stream/events`, {
      headers: { "x-gh-service-key": serviceSecret },
    });
    const reader = response.body?.getReader();
    const first = await reader?.read();
    expect(Buffer.from(first?.value ?? []).toString()).toBe("data: v1 1\n\n");
    const second = await reader?.read();
    expect(Buffer.from(second?.value ?? []).toString()).toBe("data: v1 2\n\n");
    await reader?.cancel();
  });

  it("F01: a busy worker answers 200 with its body", async () => {
    await ensureServing(agent, "v1");
    const job = await startJob(agent.frontApi, 3000);
    expect(job).toBeTruthy();
    expect(await worker("/worker/health")).toEqual({
      status: 200,
      body: { status: "busy", active_jobs: 1, deploy_safe: false, accepting: true },
    });
    await waitFor("the job's end", async () =>
      (await worker("/worker/health")).body.active_jobs === 0 ? true : undefined,
    );
  });

  it("new work goes to the newest accepting generation; the jobs of all are summed", async () => {
    await ensureServing(agent, "v1");
    await startJob(agent.frontApi, 12_000);
    await deployAndSettle(agent, "v2");
    await startJob(agent.frontApi, 8000);
    expect(await version()).toBe("v2");
    expect((await worker("/worker/status")).body).toMatchObject({ generation: 2, active_jobs: 2, image_tag: "v2" });
    expect(await agent.health()).toMatchObject({ activeWorkers: 2, generation: 2 });
    expect(await generationOf(agent, 1)).toMatchObject({ activeJobs: 1 });
    expect(await generationOf(agent, 2)).toMatchObject({ activeJobs: 1 });
  });

  it("F02: a drain reaches every generation and becomes safe once the jobs have ended; undrain takes it back", async () => {
    await ensureServing(agent, "v2");
    const drained = await worker("/worker/drain", "POST");
    expect(drained).toMatchObject({ status: 200, body: { status: "draining" } });
    expect((await worker("/worker/health")).body).toMatchObject({ status: "draining", accepting: false });
    await waitFor("the jobs' end", async () =>
      (await worker("/worker/health")).body.deploy_safe === true ? true : undefined,
    );
    expect((await worker("/worker/health")).body).toEqual({
      status: "draining",
      active_jobs: 0,
      deploy_safe: true,
      accepting: false,
    });
    expect(await worker("/worker/drain", "POST")).toMatchObject({ status: 200, body: { status: "draining" } });
    expect(await worker("/worker/undrain", "POST")).toMatchObject({ status: 200, body: { status: "accepting" } });
    await waitFor("accepting", async () =>
      (await worker("/worker/health")).body.accepting === true ? true : undefined,
    );
  });

  it("F08: a drain outlives the worker it was given to", async () => {
    await ensureServing(agent, "v2");
    await worker("/worker/drain", "POST");
    const { generation } = await agent.health();
    const killed = await signalWorker(agent, generation ?? 0, "SIGKILL");
    await waitFor("the restart", async () => {
      const view = await generationOf(agent, generation ?? 0);
      return view?.healthy && view.workerPid !== killed && !view.accepting ? true : undefined;
    });
    await worker("/worker/undrain", "POST");
  });

  it("F06: while a worker does not answer, the count is unknown: 503 here and null in the agent's health", async () => {
    await ensureServing(agent, "v2");
    const { generation } = await agent.health();
    const stopped = await signalWorker(agent, generation ?? 0, "SIGSTOP");
    try {
      expect(await worker("/worker/status")).toMatchObject({ status: 503, body: { error: "unavailable" } });
      expect(await agent.health()).toMatchObject({ activeWorkers: null, deploySafe: false });
    } finally {
      process.kill(stopped, "SIGCONT");
    }
  });

  it("an unknown path is 404 {error: not_found}", async () => {
    expect(await worker("/worker/unknown")).toEqual({ status: 404, body: { error: "not_found" } });
    expect(await worker("/")).toEqual({ status: 404, body: { error: "not_found" } });
  });
});
