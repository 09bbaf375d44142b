import { randomUUID } from "node:crypto";
import type { AgentHealth, DeployPlan } from "@valet/contracts";
import { appendJournal, noteObservations } from "@valet/db";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { everything } from "../testing/everything.ts";
import { type TestApi, makeTestApi } from "../testing/test-api.ts";
import { addWorkingSandbox, digest } from "../testing/working-sandbox.ts";

const base = "/api/v1/admin/deploys";
let api: TestApi;
let sandboxId: string;
beforeAll(async () => {
  api = await makeTestApi();
  sandboxId = (await addWorkingSandbox(api)).id;
});
afterAll(() => api.close());

const wish = { environment: "dev", imageTag: "v7", knobs: { minHealthyMs: 100 } };
const plan = (body: Record<string, unknown> = wish) => api.call({ url: `${base}/plan`, as: "operator", body });

const generation: AgentHealth["generations"][number] = {
  ...{ generation: 1, state: "serving", imageTag: "v1", imageDigest: digest, desiredDigest: digest },
  ...{ apiPort: 1, workerPort: 2, apiPid: 1, workerPid: 2, healthy: true, accepting: true, activeJobs: 0, restarts: 0 },
  startedAt: new Date(0).toISOString(),
};

async function look(change: Partial<AgentHealth> = {}): Promise<void> {
  const health = {
    ...{ status: "ok", cpu: 1, memoryTotalMb: 8000, memoryUsedMb: 2000, diskTotalGb: 40, diskUsedGb: 4 },
    ...{ adspowerStatus: "stopped", activeProfiles: 0, activeWorkers: 0, uptime: 1, version: "1", generation: 1 },
    ...{ imageTag: "v1", imageDigest: digest, currentDeploy: null, deploySafe: true, accepting: true, epoch: 0 },
    ...{ generations: [generation], ...change },
  };
  await noteObservations(api.db, [{ sandboxId, observedAt: new Date(), health, why: "" }]);
}

describe("a plan", () => {
  test("says what would happen to each host, and leaves every row of the database as it was", async () => {
    await look();
    const before = await everything(api.db);
    const answer = await plan();
    expect(answer.statusCode).toBe(200);
    const made = answer.json() as DeployPlan;
    expect(made.hosts).toMatchObject([{ sandboxId, wave: 1, action: "change", order: "start-first" }]);
    expect(made.hosts[0]?.memory).toMatchObject({ totalMb: 8000, usedMb: 2000 });
    expect(made.hosts[0]?.observedAgoMs).toBeLessThan(60_000);
    expect(made.blockers.map((one) => one.kind)).toEqual(["release", "nothing_to_roll_back_to"]);
    expect(made.eta.newWorkOnNewVersion.p90Ms).toBeGreaterThanOrEqual(made.eta.newWorkOnNewVersion.p50Ms);
    expect(await everything(api.db)).toEqual(before);
  });

  test("is for operators, and names the field that is wrong", async () => {
    expect((await api.call({ url: `${base}/plan`, as: "viewer", body: wish })).statusCode).toBe(403);
    expect((await plan({ ...wish, knobs: { maxParallel: 0 } })).statusCode).toBe(422);
    expect((await plan({ deployId: randomUUID() })).statusCode).toBe(404);
  });

  test("leaves out a sandbox whose agent nobody has seen, and says so", async () => {
    await api.db.query("DELETE FROM sandbox_observations");
    const made = (await plan()).json() as DeployPlan;
    expect(made.hosts[0]).toMatchObject({ action: "skip", wave: null, observedAgoMs: null, memory: null });
    expect(made.blockers[0]).toMatchObject({ kind: "impossible", blocks: true });
  });

  test("can be insisted on: 409 plan_moved names what is another now, and nothing is created", async () => {
    await look();
    const { revision } = (await plan()).json() as DeployPlan;
    const count = async () => (await api.db.query("SELECT 1 FROM deploys")).rowCount;
    const before = await count();
    const other = { ...wish, knobs: { minHealthyMs: 200 }, planRevision: revision };
    const refused = await api.call({ url: base, as: "operator", body: other });
    expect(refused.statusCode).toBe(409);
    expect(refused.json()).toMatchObject({ error: "plan_moved", message: expect.stringContaining("the knobs") });
    expect(await count()).toBe(before);
    expect((await plan({ ...wish, planRevision: "p2" })).statusCode).toBe(422);
    const created = await api.call({ url: base, as: "operator", body: { ...wish, planRevision: revision } });
    expect(created.statusCode).toBe(201);
    const again = await plan({ deployId: created.json().id });
    expect(again.json()).toMatchObject({ state: "queued", imageTag: "v7" });
    await api.db.query("UPDATE deploys SET state = 'completed', ended_at = now() WHERE id = $1", [created.json().id]);
    expect((await plan({ deployId: created.json().id })).statusCode).toBe(409);
  });
});

test("a deploy's history has each decision with its actor and what was seen before it, page by page", async () => {
  const created = await api.call({ url: base, as: "operator", body: { ...wish, imageTag: "v8" } });
  const { id } = created.json();
  for (const revision of [2, 3, 4]) {
    await api.db.tx(async (tx) => {
      const observations = {
        environment: {},
        sandboxes: { [sandboxId]: { facts: { sessionLive: revision % 2 === 0 } } },
      };
      const input = { head: revision === 3 ? { request: { kind: "pause" } } : {}, observations };
      await appendJournal(tx, id, { revision, nowMs: revision, state: "in_progress", input, result: "" });
      await tx.query(
        `INSERT INTO deploy_decisions (deploy_id, seq, actor, summary, data, revision)
         VALUES ($1, $2::bigint, $3, 'paused', $4, $2::bigint)`,
        [id, revision, revision === 3 ? "operator:ann" : "engine", JSON.stringify({ sandboxId })],
      );
    });
  }
  const read = async (query: string) => (await api.call({ url: `${base}/${id}/history${query}`, as: "viewer" })).json();
  const first = await read("?limit=2");
  expect(first.next).toBe(3);
  expect(first.entries).toMatchObject([
    { revision: 2, decisions: [{ actor: "engine" }], observed: { sandboxes: [{ changed: { sessionLive: true } }] } },
    { revision: 3, decisions: [{ actor: "operator:ann" }], observed: { environment: { request: { kind: "pause" } } } },
  ]);
  expect(await read("?limit=2&after=3")).toMatchObject({ entries: [{ revision: 4 }], next: null });
  expect((await api.call({ url: `${base}/${randomUUID()}/history` })).statusCode).toBe(404);
});

test("two releases are compared by what became of them", async () => {
  const compare = (query: string) => api.call({ url: `/api/v1/admin/releases/compare?${query}`, as: "viewer" });
  const answer = await compare("from=v7&to=v8");
  expect(answer.statusCode).toBe(200);
  expect(answer.json()).toMatchObject({
    from: { imageTag: "v7", tasks: 0, failureRate: null, deploys: [{ state: "completed" }] },
    to: { imageTag: "v8", rollbacks: 0 },
  });
  expect((await compare("from=v7&to=nothing")).json()).toMatchObject({ error: "not_found" });
  expect((await compare("from=v7")).statusCode).toBe(422);
});
