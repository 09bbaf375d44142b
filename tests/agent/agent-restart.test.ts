import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { AgentGeneration } from "@valet/contracts";
import { findProcesses, readProcess } from "@valet/rollout/host";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { waitFor } from "../../tools/local-stack/wait-for.ts";
import { startTestAgent, type TestAgent } from "./agent-harness.ts";
import {
  deployAndSettle,
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
});
afterAll(() => fixtures.close());
beforeEach(async () => {
  agent = await startTestAgent({ program: fixtures.program, host: "127.31.1.3", registryUrl: fixtures.registry.url });
});
afterEach(() => agent.destroy());

function agentProcessOf(view: AgentGeneration | undefined): { pid: number } {
  if (!view?.workerPid) throw new Error("there is no worker to kill");
  return { pid: view.workerPid };
}
const workerStatus = async (number: number) => {
  const view = await generationOf(agent, number);
  return (await (await fetch(`http://127.31.1.3:${view?.workerPort}/worker/status`)).json()) as Record<string, unknown>;
};

describe("an agent that was killed", () => {
  it("adopts its generations: the same processes, their jobs untouched", async () => {
    await deployAndSettle(agent, "v1");
    await startJob(agent.frontApi, 10_000);
    const before = await generationOf(agent, 1);
    await agent.kill("SIGKILL");
    await agent.start();
    const after = await agent.health();
    expect(after).toMatchObject({ activeWorkers: 1, accepting: true, imageTag: "v1" });
    expect(await generationOf(agent, 1)).toMatchObject({
      apiPid: before?.apiPid,
      workerPid: before?.workerPid,
      restarts: 0,
    });
  });

  it("still refuses an epoch it has acted on, and everything older", async () => {
    for (let i = 0; i < 4; i++) agent.nextEpoch();
    expect((await agent.signed("POST", "/fence", { epoch: 5 })).status).toBe(200);
    await agent.kill("SIGKILL");
    await agent.start();
    for (const epoch of [1, 4, 5]) {
      const answer = await agent.signed("POST", "/deploy", { image_tag: "v1", epoch });
      expect(answer).toMatchObject({ status: 409, body: { error: "stale_epoch", epoch: 5 } });
    }
    expect((await agent.health()).generations).toEqual([]);
    expect((await agent.signed("POST", "/fence", { epoch: 6 })).status).toBe(200);
  });

  it("goes on with the deploy it was in", async () => {
    const deployId = await agent.deploy("v1", { min_healthy_ms: 2000 });
    await waitFor("verifying", async () => (await agent.health()).currentDeploy?.phase === "verifying" || undefined);
    await agent.kill("SIGKILL");
    await agent.start();
    expect(await agent.outcome(deployId)).toMatchObject({ phase: "verified", generation: 1 });
    expect((await agent.health()).generations).toHaveLength(1);
  });

  it("does not go on with a deploy that was called off, however soon after its answer it dies", async () => {
    const deployId = await agent.deploy("v1", { min_healthy_ms: 5000 });
    await waitFor("verifying", async () => (await agent.health()).currentDeploy?.phase === "verifying" || undefined);
    const state = join(agent.dataDir, "agent/generations.json");
    const before = readFileSync(state, "utf8");
    expect((await agent.signed("POST", "/fence", { epoch: agent.nextEpoch(), deploy_id: deployId })).status).toBe(200);
    const answered = JSON.parse(readFileSync(state, "utf8"));
    expect(answered.deploys.at(-1).calledOff).toBe("fenced off");
    await agent.kill("SIGKILL");
    // As it was at the answer, before the procedure noticed.
    const stopped = JSON.parse(before);
    stopped.deploys.at(-1).calledOff = answered.deploys.at(-1).calledOff;
    writeFileSync(state, JSON.stringify(stopped));
    await agent.start();
    expect(await agent.outcome(deployId)).toMatchObject({ phase: "superseded" });
    const { generations, accepting } = await agent.health();
    expect([generations.filter((one) => one.state !== "ended"), accepting]).toEqual([[], false]);
  });

  it("never takes a stranger with a reused pid for its own", async () => {
    await deployAndSettle(agent, "v1");
    const { pid } = agentProcessOf(await generationOf(agent, 1));
    await agent.kill("SIGKILL");
    process.kill(pid, "SIGKILL");
    const stranger = spawn(process.execPath, ["-e", "setInterval(() => {}, 1e6)"], { detached: true, stdio: "ignore" });
    const facts = readProcess(stranger.pid ?? 0);
    writeFileSync(
      join(agent.dataDir, "agent/run/g1-worker.json"),
      JSON.stringify({ pid: stranger.pid, startTime: `${facts?.startTime}0`, startedAt: new Date().toISOString() }),
    );
    await agent.start();
    const after = await waitFor("a worker of its own", async () => {
      const view = await generationOf(agent, 1);
      return view?.healthy ? view : undefined;
    });
    expect(after.workerPid).not.toBe(stranger.pid);
    expect(readProcess(stranger.pid ?? 0)).toBeDefined();
    stranger.kill("SIGKILL");
  });

  it("asked to end with `leave`, it leaves everything running for the next one", async () => {
    await agent.destroy();
    agent = await startTestAgent({
      program: fixtures.program,
      host: "127.31.1.3",
      registryUrl: fixtures.registry.url,
      env: { VALET_AGENT_ON_EXIT: "leave" },
    });
    await deployAndSettle(agent, "v1");
    const before = await generationOf(agent, 1);
    await agent.kill("SIGTERM");
    expect(readProcess(before?.workerPid ?? 0)).toBeDefined();
    await agent.start();
    expect((await generationOf(agent, 1))?.workerPid).toBe(before?.workerPid);
    await agent.signed("POST", "/generations/1/end", { force: true });
    await waitFor("the end", async () => (await generationOf(agent, 1))?.state === "ended" || undefined);
  });
});

describe("a generation's processes", () => {
  it("F36: a worker that is killed comes back under the same id, also in the next generation", async () => {
    await deployAndSettle(agent, "v1");
    const id = (await workerStatus(1)).worker_id;
    const killed = await signalWorker(agent, 1, "SIGKILL");
    const after = await waitFor("its restart", async () => {
      const view = await generationOf(agent, 1);
      return view?.healthy && view.workerPid !== killed ? view : undefined;
    });
    expect(after.restarts).toBe(1);
    expect((await workerStatus(1)).worker_id).toBe(id);
    await deployAndSettle(agent, "v2");
    expect((await workerStatus(2)).worker_id).toBe(id);
  });

  it("leave nothing behind when they end: no process, no profile", async () => {
    await deployAndSettle(agent, "v1");
    await deployAndSettle(agent, "v2");
    await agent.signed("POST", "/generations/1/end", { epoch: agent.nextEpoch(), force: true });
    await waitFor("the end", async () => (await generationOf(agent, 1))?.state === "ended" || undefined);
    expect(findProcesses(join(agent.ghDataDir, "profiles/g1-"))).toEqual([]);
    const current = fixtures.release("v2").digest.slice(7);
    expect(
      findProcesses(join(agent.dataDir, "agent/releases")).every(({ commandLine }) => commandLine.includes(current)),
    ).toBe(true);
  });

  it("F35: a browser of a generation that has ended is found and killed, with its profile", async () => {
    await deployAndSettle(agent, "v1");
    await agent.outcome(await agent.deploy("v3"));
    const profile = join(agent.ghDataDir, "profiles/g2-b7");
    mkdirSync(profile, { recursive: true });
    const leaked = spawn(process.execPath, ["-e", "setInterval(() => {}, 1e6)", "--", `--user-data-dir=${profile}`], {
      detached: true,
      stdio: "ignore",
    });
    await waitFor("the sweep", () => (readProcess(leaked.pid ?? 0) === undefined ? true : undefined), {
      deadlineMs: 15_000,
    });
    expect(findProcesses(join(agent.ghDataDir, "profiles/g1-b0"))).toHaveLength(1);
  });
});

describe("the deadline, enforced from outside", () => {
  const writeLease = (
    name: string,
    browser: { pid: number; profile: string },
    deadlineWallMs: number,
    frozen = false,
  ) => {
    mkdirSync(join(agent.ghDataDir, "leases"), { recursive: true });
    const monoMs = Number(process.hrtime.bigint()) / 1e6;
    const lease = {
      taskId: "0b0e7f52-3a6e-4c56-9d0a-00000000000a",
      fence: 1,
      leaseId: "lease-one",
      deadlineWallMs,
      deadlineMonoMs: monoMs + deadlineWallMs - Date.now(),
      browserPid: browser.pid,
      profileDir: browser.profile,
      frozen,
    };
    writeFileSync(join(agent.ghDataDir, "leases", name), JSON.stringify(lease));
  };

  it("stops a browser past its deadline, leaves one before it alone, and never a stranger", async () => {
    await deployAndSettle(agent, "v1");
    const profile = join(agent.ghDataDir, "profiles/g1-b0");
    const pid = findProcesses(profile)[0]?.pid ?? 0;
    expect(pid).toBeGreaterThan(1);
    const stranger = spawn(process.execPath, ["-e", "setInterval(() => {}, 1e6)"], { detached: true, stdio: "ignore" });
    writeLease("g1-9.json", { pid: stranger.pid ?? 0, profile }, Date.now() - 60_000);
    writeLease("g1-0.json", { pid, profile }, Date.now() + 1500);
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(readProcess(pid)?.state).not.toBe("T");
    await waitFor("the freeze", () => (readProcess(pid)?.state === "T" ? true : undefined), { deadlineMs: 5000 });
    expect(readProcess(stranger.pid ?? 0)?.state).not.toBe("T");
    stranger.kill("SIGKILL");
    process.kill(pid, "SIGCONT");
  });
});
