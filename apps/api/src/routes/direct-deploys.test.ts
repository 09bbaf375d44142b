import { randomUUID } from "node:crypto";
import type { DirectDeploy } from "@valet/contracts";
import { listAllowedReleases, lastCompleted } from "@valet/db";
import { defaultKnobs } from "@valet/shared";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type TestApi, makeTestApi } from "../testing/test-api.ts";
import { type WorkingSandbox, addWorkingSandbox, digest as oldDigest } from "../testing/working-sandbox.ts";

const newDigest = `sha256:${"2".repeat(64)}`;
let api: TestApi;
let sandbox: WorkingSandbox;
beforeAll(async () => {
  api = await makeTestApi();
});
afterAll(() => api.close());
beforeEach(async () => {
  await api.db.query("TRUNCATE deploys CASCADE");
  sandbox = await addWorkingSandbox(api);
});

const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString();
const journal = (change: Partial<DirectDeploy> = {}): DirectDeploy => ({
  id: randomUUID(),
  environment: "dev",
  service: "ghosthands",
  imageTag: "v2",
  imageDigest: newDigest,
  previousTag: "v1",
  previousDigest: oldDigest,
  state: "completed",
  stateReason: "v2 runs on 1 hosts",
  knobs: defaultKnobs(),
  isWhole: true,
  actor: "ann@laptop",
  createdAt: minutesAgo(10),
  startedAt: minutesAgo(9),
  endedAt: minutesAgo(5),
  hosts: [
    {
      ...{ sandboxId: sandbox.id, address: "10.0.0.1", agentPort: 8000 },
      ...{ step: "updated", order: "start-first", reason: "all new work runs on generation 2", epoch: 7 },
      ...{ oldGeneration: 1, newGeneration: 2, reportedDigest: newDigest },
      ...{ startedAt: minutesAgo(9), endedAt: minutesAgo(6) },
    },
  ],
  decisions: [{ at: minutesAgo(9), summary: "queued -> in_progress", data: { hosts: ["a"] } }],
  ...change,
});
const record = (body: DirectDeploy, as = "operator") => api.call({ url: "/api/v1/admin/deploys/direct", body, as });
const row = async () => {
  const found = await api.db.query<{ target_generation: number; epoch: number }>(
    "SELECT target_generation, epoch FROM sandboxes WHERE id = $1",
    [sandbox.id],
  );
  return found.rows[0];
};
const allowed = async () => (await listAllowedReleases(api.db, "dev", "ghosthands")).map((one) => one.imageDigest);

describe("the journal of a deploy that was run past the API", () => {
  test("is recorded as it ended, with who decided what and when; its hosts hand over, the others converge", async () => {
    const body = journal();
    const answer = await record(body);
    expect(answer.statusCode).toBe(201);
    expect(answer.json().updatedSandboxIds).toEqual([sandbox.id]);
    expect(answer.json().deploy).toMatchObject({
      ...{ id: body.id, state: "completed", trigger: "direct", createdBy: "direct: ann@laptop" },
      ...{ imageDigest: newDigest, endedAt: body.endedAt, hostsUpdated: 1 },
      decisions: [{ at: body.decisions[0]?.at, actor: "direct: ann@laptop", summary: "queued -> in_progress" }],
    });
    expect(await row()).toEqual({ target_generation: 2, epoch: 7 });
    expect(await allowed()).toEqual([newDigest]);
    expect(await lastCompleted(api.db, "dev", "ghosthands")).toMatchObject({ imageDigest: newDigest });
    const { rows } = await api.db.query("SELECT actor, data FROM audit_log WHERE subject = $1", [body.id]);
    expect(rows).toMatchObject([{ data: { ranBy: "ann@laptop", imageTag: "v2" } }]);
  });

  test("given twice changes nothing the second time", async () => {
    const body = journal();
    await record(body);
    await api.db.query("UPDATE sandboxes SET target_generation = 9 WHERE id = $1", [sandbox.id]);
    const again = await record(body);
    expect([again.statusCode, again.json().notes]).toEqual([200, ["it was recorded before"]]);
    expect((await row())?.target_generation).toBe(9);
  });

  test("that failed allows what its hosts run beside what ran before", async () => {
    await record(journal({ state: "failed" }));
    expect((await allowed()).sort()).toEqual([oldDigest, newDigest].sort());
    expect(await lastCompleted(api.db, "dev", "ghosthands")).toBeUndefined();
  });

  test("of named hosts says nothing about the others", async () => {
    await record(journal({ isWhole: false }));
    expect((await allowed()).sort()).toEqual([oldDigest, newDigest].sort());
    expect(await lastCompleted(api.db, "dev", "ghosthands")).toBeUndefined();
  });

  test("is history only when something newer completed here since", async () => {
    const newer = journal({ endedAt: minutesAgo(1), imageTag: "v3", imageDigest: `sha256:${"3".repeat(64)}` });
    await record({
      ...newer,
      hosts: newer.hosts.map((host) => ({ ...host, newGeneration: 3, reportedDigest: newer.imageDigest })),
    });
    const answer = await record(journal());
    expect(answer.json().notes).toEqual(["a newer deploy completed here since: its hosts converge to that one"]);
    expect((await row())?.target_generation).toBe(3);
    expect(await allowed()).toEqual([newer.imageDigest]);
  });

  test("a host known by its address alone is found by it; one that is not here is noted; none at all is the wrong API", async () => {
    const [host] = journal().hosts;
    if (!host) throw new Error("a journal has a host");
    const place = (await api.call({ url: `/api/v1/admin/sandboxes/${sandbox.id}` })).json();
    await api.db.query("UPDATE sandboxes SET public_ip = '10.9.9.9' WHERE id = $1", [sandbox.id]);
    const byAddress = { ...host, sandboxId: null, address: "10.9.9.9", agentPort: place.agentPort as number };
    const stranger = { ...host, sandboxId: null, address: "10.0.0.250" };
    const answer = await record(journal({ hosts: [byAddress, stranger] }));
    expect(answer.json().updatedSandboxIds).toEqual([sandbox.id]);
    expect(answer.json().notes).toEqual(["10.0.0.250:8000 is no sandbox of dev: left out"]);
    const wrong = await record(journal({ hosts: [stranger] }));
    expect([wrong.statusCode, wrong.json().error]).toEqual([409, "conflict"]);
  });

  test("from the future, or from a viewer, is refused", async () => {
    const ahead = await record(journal({ endedAt: minutesAgo(-60) }));
    expect([ahead.statusCode, ahead.json().details[0].field]).toEqual([422, "endedAt"]);
    expect((await record(journal(), "viewer")).statusCode).toBe(403);
  });
});
