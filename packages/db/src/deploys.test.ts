import { defaultKnobs, testDigest } from "@valet/shared";
import type { DeployState } from "@valet/shared";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  createDeploy,
  decisionsOf,
  deploySummary,
  lastCompleted,
  listActiveDeploys,
  listDeploys,
  loadDeploy,
  setDeployRequest,
} from "./deploys.ts";
import type { DeployHostRow, DeployRequest, DeployRow } from "./deploy-row.ts";
import { releaseByDigest } from "./deploy-extras.ts";
import { noteReleaseDigest } from "./deploy-facts.ts";
import { deployMeasures } from "./deploy-measures.ts";
import { handOverSlots } from "./hand-over.ts";
import { liveEventsAfter } from "./live-events.ts";
import { getRelease, upsertRelease } from "./releases.ts";
import { saveDeploy } from "./save-deploy.ts";
import { claimEpoch, nextEpoch } from "./sandboxes.ts";
import { completeAttempt } from "./tasks/complete.ts";
import { makeTestFleet, must } from "./test-fleet.ts";
import type { TestFleet } from "./test-fleet.ts";
import { createTestDatabase } from "./testing.ts";
import type { TestDatabase } from "./testing.ts";
import { findReceipt, storeReceipt } from "./webhook-receipts.ts";

let test: TestDatabase;
let fleet: TestFleet;
beforeAll(async () => {
  test = await createTestDatabase();
});
afterAll(() => test.drop());
beforeEach(async () => {
  await test.db.query("TRUNCATE deploys, sandboxes, slot_changes, tasks, attempts, releases, live_events CASCADE");
  fleet = makeTestFleet(test.db);
});

const create = async (tag = "v2", state: "awaiting_trigger" | "queued" = "queued"): Promise<DeployRow> => {
  const release = await upsertRelease(test.db, {
    service: "ghosthands",
    version: tag,
    imageTag: tag,
    commitMessage: "Better",
  });
  return test.db.tx((tx) =>
    createDeploy(tx, {
      environment: "dev",
      service: "ghosthands",
      releaseId: release.id,
      imageTag: tag,
      state,
      stateReason: "",
      knobs: defaultKnobs(),
      trigger: "test",
      createdBy: "test",
    }),
  );
};
const save = (deploy: DeployRow, change: Partial<DeployRow>, needEpoch: string[] = []) =>
  test.db.tx((tx) =>
    saveDeploy(tx, { ...deploy, ...change }, deploy.revision, [{ actor: "engine", summary: "moved" }], needEpoch),
  );
const host = (sandboxId: string, change: Partial<DeployHostRow> = {}): DeployHostRow => ({
  sandboxId,
  sandboxName: "",
  position: 0,
  step: "pending",
  order: "start-first",
  reason: "",
  epoch: null,
  oldGeneration: null,
  newGeneration: null,
  reportedDigest: null,
  engine: {},
  startedAt: null,
  endedAt: null,
  ...change,
});
const wish = (verb: DeployRequest["verb"], actor = "me"): DeployRequest => ({
  verb,
  actor,
  reason: "",
  at: "2026-01-01T00:00:00Z",
});

describe("saving a deploy", () => {
  it("keeps the document, its hosts and decisions, and gives each command its epoch", async () => {
    const box = await fleet.addSandbox();
    const deploy = await create();
    const hosts = [host(box.id, { step: "starting", engine: { command: "deploy" } })];
    const saved = must(
      await save(deploy, { state: "in_progress", startedAt: new Date(), hosts, engine: { kind: "rolling" } }, [box.id]),
    );
    expect(saved).toEqual({ revision: 2, epochs: { [box.id]: 1 } });
    const loaded = await loadDeploy(test.db, deploy.id);
    expect(loaded).toMatchObject({
      state: "in_progress",
      revision: 2,
      engine: { kind: "rolling" },
      hosts: [{ sandboxId: box.id, sandboxName: box.name, step: "starting", epoch: 1, engine: { command: "deploy" } }],
    });
    expect(await decisionsOf(test.db, deploy.id)).toMatchObject([{ seq: 1, summary: "moved" }]);
    const events = await liveEventsAfter(test.db, { lastId: 0, limit: 100 });
    expect(events.filter((event) => event.type === "deploy_update").at(-1)?.payload).toMatchObject({
      status: "in_progress",
      sandboxes: [{ sandboxName: box.name, status: "starting", activeTaskCount: 0 }],
    });
  });

  it("F16: an engine that still holds the deploy from before an abort does not overwrite it", async () => {
    const deploy = await create();
    must(await save(deploy, { state: "in_progress" }));
    const stale = await loadDeploy(test.db, deploy.id);
    const again = await loadDeploy(test.db, deploy.id);
    if (!stale || !again) throw new Error("the deploy is gone");
    must(await save(again, { state: "aborting" }));
    const refused = await save(stale, { state: "baking" });
    expect(refused).toMatchObject({ ok: false, error: { kind: "revision_moved", found: 3 } });
    expect((await loadDeploy(test.db, deploy.id))?.state).toBe("aborting");
  });

  it("F16: a wish that arrives meanwhile is never lost under a save", async () => {
    const deploy = await create();
    must(await test.db.tx((tx) => setDeployRequest(tx, deploy.id, wish("abort"), { from: ["queued"] })));
    expect((await save(deploy, { state: "in_progress", request: null })).ok).toBe(false);
    expect((await loadDeploy(test.db, deploy.id))?.request?.verb).toBe("abort");
  });

  it("refuses moves that the transition table does not have", async () => {
    const deploy = await create();
    expect(await save(deploy, { state: "completed" })).toMatchObject({
      ok: false,
      error: { kind: "illegal_transition", from: "queued", to: "completed" },
    });
  });

  it("F15, F18: of two that start at once in one environment, one does", async () => {
    const deploys = [await create("v2"), await create("v3")];
    const answers = await Promise.all(deploys.map((deploy) => save(deploy, { state: "in_progress" })));
    expect(answers.filter((answer) => answer.ok)).toHaveLength(1);
    const refused = answers.find((answer) => !answer.ok);
    expect(refused).toMatchObject({ error: { kind: "another_active" } });
    const states = await Promise.all(deploys.map(async (deploy) => (await loadDeploy(test.db, deploy.id))?.state));
    expect(states.sort()).toEqual(["in_progress", "queued"]);
  });

  it("F19: an ended deploy holds nothing", async () => {
    const [first, second] = [await create("v2"), await create("v3")];
    must(await save(first, { state: "aborted" }));
    expect((await save(second, { state: "in_progress" })).ok).toBe(true);
  });
});

describe("asking for something", () => {
  it("F18: of ten triggers at once one is taken", async () => {
    const deploy = await create("v2", "awaiting_trigger");
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, n) =>
        test.db.tx((tx) =>
          setDeployRequest(tx, deploy.id, wish("trigger", `user-${n}`), { from: ["awaiting_trigger"] }),
        ),
      ),
    );
    expect(answers.filter((answer) => answer.ok)).toHaveLength(1);
    expect(answers.find((answer) => !answer.ok)).toMatchObject({ error: { kind: "request_pending" } });
  });

  it.each([
    ["abort", true],
    ["rollback", true],
    ["resume", false],
  ] as const)("%s over a pending pause: %s", async (verb, isTaken) => {
    const deploy = await create();
    const from: DeployState[] = ["queued"];
    must(await test.db.tx((tx) => setDeployRequest(tx, deploy.id, wish("pause"), { from })));
    expect((await test.db.tx((tx) => setDeployRequest(tx, deploy.id, wish(verb), { from }))).ok).toBe(isTaken);
  });

  it("is refused in a wrong state and at another revision", async () => {
    const deploy = await create();
    const ask = (from: DeployState[], expectedRevision?: number) =>
      test.db.tx((tx) => setDeployRequest(tx, deploy.id, wish("pause"), { from, expectedRevision }));
    expect(await ask(["paused"])).toMatchObject({ ok: false, error: { kind: "wrong_state", state: "queued" } });
    expect(await ask(["queued"], 7)).toMatchObject({ ok: false, error: { kind: "revision_moved", found: 1 } });
    expect((await ask(["queued"], 1)).ok).toBe(true);
    expect((await listActiveDeploys(test.db)).map((one) => one.id)).toEqual([deploy.id]);
  });
});

describe("epochs", () => {
  it("are given out once, however many ask, and claimed only when newer", async () => {
    const box = await fleet.addSandbox();
    const given = await Promise.all(Array.from({ length: 10 }, () => nextEpoch(test.db, box.id)));
    expect([...given].sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(await test.db.tx((tx) => claimEpoch(tx, box.id, 10))).toBe(false);
    expect(await test.db.tx((tx) => claimEpoch(tx, box.id, 11))).toBe(true);
  });
});

describe("deploys for people", () => {
  it("are listed, found and summed up", async () => {
    const box = await fleet.addSandbox();
    const deploy = await create("release-7", "awaiting_trigger");
    must(await save(deploy, { state: "in_progress", hosts: [host(box.id, { step: "updated" })] }));
    const page = await listDeploys(test.db, {
      page: 1,
      pageSize: 5,
      sortOrder: "desc",
      sortBy: "createdAt",
      search: "RELEASE",
    });
    expect(page).toMatchObject({ total: 1, rows: [{ hostsTotal: 1, hostsUpdated: 1, commitMessage: "Better" }] });
    expect((await deploySummary(test.db, deploy.id))?.hostsFailed).toBe(0);
    const ready = (await liveEventsAfter(test.db, { lastId: 0, limit: 100 })).filter(
      (event) => event.type === "deploy_ready",
    );
    expect(ready).toMatchObject([{ payload: { deployId: deploy.id, imageTag: "release-7", commitMessage: "Better" } }]);
  });

  it("remember the last completed one as what to go back to", async () => {
    const deploy = await create("v1");
    must(await save(deploy, { state: "in_progress", imageDigest: testDigest("a") }));
    const next = await loadDeploy(test.db, deploy.id);
    if (!next) throw new Error("the deploy is gone");
    must(await save(next, { state: "baking" }));
    must(await save({ ...next, revision: 3 }, { state: "completed", endedAt: new Date() }));
    expect(await lastCompleted(test.db, "dev", "ghosthands")).toMatchObject({
      imageTag: "v1",
      imageDigest: testDigest("a"),
    });
    expect((await create("v2")).previousDigest).toBe(testDigest("a"));
  });

  it("F11: a tag that moved is another release: a new deploy resolves it anew, and the old digest can be gone back to", async () => {
    const deployOf = async (digest: string) => {
      const deploy = await create("latest");
      expect((await getRelease(test.db, deploy.releaseId))?.imageDigest).toBeNull();
      await test.db.tx((tx) => noteReleaseDigest(tx, deploy.id, digest));
      return (await loadDeploy(test.db, deploy.id))?.releaseId ?? "";
    };
    const first = await deployOf(testDigest("a"));
    const second = await deployOf(testDigest("b"));
    const again = await deployOf(testDigest("a"));
    expect(second).not.toBe(first);
    expect(again).toBe(first);
    expect((await releaseByDigest(test.db, "ghosthands", testDigest("a")))?.id).toBe(first);
    const { rows } = await test.db.query(`SELECT image_digest FROM releases WHERE image_tag = 'latest'`);
    expect(rows.map((row) => row.image_digest).sort()).toEqual([testDigest("a"), testDigest("b")].sort());
  });
});

describe("webhook receipts", () => {
  it("find the same body and the same run while its deploy lives, and start anew after it failed", async () => {
    const receipt = { bodySha256: "1", runKey: "repo 1 dev v2", sentAt: new Date("2026-01-01T00:00:00Z") };
    const later = { ...receipt, bodySha256: "2", sentAt: new Date("2026-01-02T00:00:00Z") };
    const find = (one: typeof receipt) => test.db.tx((tx) => findReceipt(tx, one));
    expect(await find(receipt)).toBeUndefined();
    const deploy = await create();
    await test.db.tx((tx) => storeReceipt(tx, { ...receipt, deployId: deploy.id }));
    expect(await find(receipt)).toEqual({ deployId: deploy.id });
    expect(await find(later)).toEqual({ deployId: deploy.id });
    must(await save(deploy, { state: "aborted" }));
    expect(await find(later)).toBeUndefined();
    expect(await find(receipt)).toEqual({ deployId: deploy.id });
  });
});

describe("a deploy's measures", () => {
  const bring = async (sandboxId: string) => {
    await test.db.query(
      `INSERT INTO generations (sandbox_id, number, state, image_tag, image_digest, accepting, spare_ready)
       VALUES ($1, 2, 'serving', 'v2', $2, true, true)`,
      [sandboxId, testDigest("b")],
    );
    await test.db.query("UPDATE sandboxes SET target_generation = 2 WHERE id = $1", [sandboxId]);
  };
  const begin = async (hosts: DeployHostRow[]) => {
    const deploy = await create();
    const start = { state: "in_progress", imageDigest: testDigest("b"), startedAt: new Date(), hosts } as const;
    must(await save(deploy, start));
    const measures = () => deployMeasures(test.db, deploy.id);
    const update = async (now: DeployHostRow[]) => {
      const loaded = await loadDeploy(test.db, deploy.id);
      if (!loaded) throw new Error("the deploy is gone");
      must(await save(loaded, { hosts: now }));
    };
    return { deploy, measures, update, startedAt: start.startedAt };
  };

  it("are recomputed from attempts and slot changes", async () => {
    const box = await fleet.addSandbox({ capacity: 1 });
    await fleet.submit();
    const [ref] = await fleet.run();
    if (!ref) throw new Error("nothing runs");
    const { measures, update } = await begin([host(box.id)]);
    expect(await measures()).toMatchObject({ newWorkOnNewVersionMs: null, lastOldTaskEndedMs: null });
    await bring(box.id);
    await test.db.tx((tx) => completeAttempt(tx, box.id, { ...ref, status: "completed" }));
    await update([host(box.id, { step: "updated", endedAt: new Date() })]);
    const found = await measures();
    expect(found).toMatchObject({ tasksLost: 0, minCapacityPct: 100 });
    expect(found.newWorkOnNewVersionMs).toBeGreaterThanOrEqual(0);
    expect(found.lastOldTaskEndedMs).toBeGreaterThan(0);
  });

  it("let both clocks run while a host that is all busy still waits its turn", async () => {
    const idle = await fleet.addSandbox({ capacity: 1 });
    const busy = await fleet.addSandbox({ capacity: 1 });
    const { measures, update, startedAt } = await begin([host(idle.id), host(busy.id, { position: 1 })]);
    await fleet.submit();
    await fleet.submit();
    const refs = await fleet.run();
    const ref = refs.find((one) => one.sandboxId === idle.id);
    const late = refs.find((one) => one.sandboxId === busy.id);
    if (!ref || !late) throw new Error("not both run");
    await bring(idle.id);
    await test.db.tx((tx) => completeAttempt(tx, idle.id, { ...ref, status: "completed" }));
    const updated = host(idle.id, { step: "updated", endedAt: new Date() });
    await update([updated, host(busy.id, { position: 1 })]);
    expect(await measures()).toMatchObject({ newWorkOnNewVersionMs: null, lastOldTaskEndedMs: null });

    await bring(busy.id);
    const endedAt = new Date(startedAt.getTime() + 60_000);
    await update([updated, host(busy.id, { position: 1, step: "updated", endedAt })]);
    // No old slot was free any more; but until its host counted as updated, one might have been.
    expect(await measures()).toMatchObject({ newWorkOnNewVersionMs: 60_000, lastOldTaskEndedMs: null });
    await test.db.tx((tx) => completeAttempt(tx, busy.id, { ...late, status: "completed" }));
    expect((await measures()).lastOldTaskEndedMs).toBeGreaterThan(0);
  });

  it("take the moment at which a free slot was handed over", async () => {
    const box = await fleet.addSandbox({ capacity: 1 });
    const { measures, update, startedAt } = await begin([host(box.id)]);
    await bring(box.id);
    await test.db.tx((tx) => handOverSlots(tx, box.id));
    await update([host(box.id, { step: "updated", endedAt: new Date(startedAt.getTime() + 60_000) })]);
    const { newWorkOnNewVersionMs } = await measures();
    expect(newWorkOnNewVersionMs).toBeGreaterThan(0);
    expect(newWorkOnNewVersionMs).toBeLessThan(30_000);
  });
});
