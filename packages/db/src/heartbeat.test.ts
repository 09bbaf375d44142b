import { testDigest, testReport } from "@valet/shared";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { minCapacityPct } from "./capacity.ts";
import { handOverSlots } from "./hand-over.ts";
import { applyHeartbeats } from "./heartbeat.ts";
import { pruneOldRows } from "./prune.ts";
import { allowRelease } from "./releases.ts";
import { getSandbox, setTargetGeneration } from "./sandboxes.ts";
import { openSession, openSessions } from "./sessions.ts";
import { completeAttempt } from "./tasks/complete.ts";
import { getTask } from "./tasks/read.ts";
import { recordEvents } from "./tasks/record-events.ts";
import { makeTestFleet } from "./test-fleet.ts";
import type { TestFleet, TestSandbox } from "./test-fleet.ts";
import { createTestDatabase } from "./testing.ts";
import type { TestDatabase } from "./testing.ts";

let test: TestDatabase;
let fleet: TestFleet;
let box: TestSandbox;
beforeAll(async () => {
  test = await createTestDatabase();
});
afterAll(() => test.drop());
beforeEach(async () => {
  await test.db.query("TRUNCATE tasks, attempts, slots, slot_changes, sandboxes, sessions, permits CASCADE");
  fleet = makeTestFleet(test.db);
  box = await fleet.addSandbox();
});

const slotsOf = async () =>
  (await getSandbox(test.db, box.id))?.slots.map((slot) => `${slot.generation} ${slot.state}`);
const runOne = async () => {
  await fleet.submit();
  const [ref] = await fleet.run();
  if (!ref) throw new Error("nothing runs");
  return { taskId: ref.taskId, fence: ref.fence, leaseId: ref.leaseId };
};
/** The newest generation is up beside the old one, and has a spare. */
const startNext = async () => {
  await allowRelease(test.db, "dev", "ghosthands", { imageDigest: testDigest("b"), reason: "deploying" });
  await test.db.tx((tx) => setTargetGeneration(tx, box.id, 2));
  const next = testReport({
    generation: 2,
    imageTag: "v2",
    imageDigest: testDigest("b"),
    workerBootId: "boot-n",
    spareReady: true,
  });
  box.generations = [...box.generations, next];
};
/** What generation 2 shows once it heard the plan. */
const showNext = async (spareReady: boolean) => {
  const found = (await getSandbox(test.db, box.id))?.slots.filter((slot) => slot.generation === 2) ?? [];
  const slots = found.map((slot) => ({
    index: slot.index,
    state: slot.taskId ? ("busy" as const) : ("ready" as const),
  }));
  box.generations = box.generations.map((report) =>
    report.generation === 2 ? { ...report, slots, spareReady } : report,
  );
};

describe("a heartbeat", () => {
  it("renews the leases it lists and no other", async () => {
    const ref = await runOne();
    await test.db.query("UPDATE attempts SET lease_expires_at = now() + interval '1 second'");
    expect((await box.heartbeat({ attempts: [] })).renewed).toEqual([]);
    expect((await box.heartbeat({ attempts: [ref] })).renewed).toEqual([ref]);
    const { rows } = await test.db.query<{ ms: number }>(
      "SELECT extract(epoch FROM lease_expires_at - now())::float8 * 1000 AS ms FROM attempts",
    );
    expect(rows[0]?.ms).toBeGreaterThan(fleet.times.leaseMs - 5_000);
  });

  it("of a session that was replaced is refused", async () => {
    await test.db.tx((tx) => openSession(tx, { sandboxId: box.id, bootId: "sw-2", version: "0", wire: 1 }));
    await expect(box.heartbeat()).rejects.toThrow(/session_closed/);
  });

  it("opens sessions for many sandboxes together; of two openings of one sandbox the later one lives", async () => {
    const other = await fleet.addSandbox();
    const opening = (sandboxId: string, bootId: string) => ({ sandboxId, bootId, version: "0", wire: 1 });
    const opened = await test.db.tx((tx) =>
      openSessions(tx, [opening(box.id, "first"), opening(other.id, "only"), opening(box.id, "second")]),
    );
    expect(opened.map(({ sandboxId, bootId }) => [sandboxId, bootId])).toEqual([
      [box.id, "first"],
      [other.id, "only"],
      [box.id, "second"],
    ]);
    const { rows } = await test.db.query<{ boot: string }>(
      "SELECT boot_id AS boot FROM sessions WHERE closed_at IS NULL ORDER BY boot_id",
    );
    expect(rows.map((row) => row.boot)).toEqual(["only", "second"]);
    const unknown = opening("00000000-0000-4000-8000-000000000000", "nobody");
    await expect(test.db.tx((tx) => openSessions(tx, [unknown]))).rejects.toThrow("there is no sandbox");
  });

  it("names as lost what somebody else owns now, and not what ended by its own report", async () => {
    const lost = await runOne();
    await test.db.tx((tx) => completeAttempt(tx, box.id, { ...lost, status: "lost" }));
    expect((await box.heartbeat({ attempts: [lost] })).lost).toEqual([lost]);
    await test.db.query("UPDATE tasks SET state = 'cancelled', queue_key = NULL");
    await box.heartbeat();
    const done = await runOne();
    const finished = { ...done, seq: 1, type: "finished", data: { status: "completed" }, at: new Date().toISOString() };
    await test.db.tx((tx) => recordEvents(tx, { sandboxId: box.id, events: [finished] }));
    expect((await box.heartbeat({ attempts: [done] })).lost).toEqual([]);
    const unknown = { taskId: "00000000-0000-4000-8000-000000000000", fence: 1, leaseId: "nobody-knows" };
    expect((await box.heartbeat({ attempts: [unknown] })).lost).toEqual([unknown]);
  });

  it("proves a death: a newer start of the GH worker does not run the attempt", async () => {
    const ref = await runOne();
    box.generations = box.generations.map((report) => ({
      ...report,
      attempts: [{ ...ref, confirmedAgoMs: 0, frozen: false }],
    }));
    await box.heartbeat();
    box.generations = box.generations.map((report) => ({ ...report, workerBootId: "boot-2", attempts: [] }));
    await box.heartbeat();
    expect((await getTask(test.db, ref.taskId))?.state).toBe("running");
    await test.db.query("UPDATE generations SET boot_seen_at = now() - interval '1 hour'");
    expect((await box.heartbeat()).lost).toEqual([ref]);
    expect((await getTask(test.db, ref.taskId))?.state).toBe("queued");
  });

  it("takes slots offline when their generation is silent for long, and back when it answers", async () => {
    box.generations = box.generations.map((report) => ({ ...report, reachable: false }));
    await box.heartbeat();
    expect(await slotsOf()).toEqual(["1 accepting", "1 accepting"]);
    await fleet.submit();
    expect(await fleet.reserve(), "nothing is given to a silent one").toEqual([]);
    await test.db.query("UPDATE generations SET reported_at = now() - interval '1 hour'");
    await box.heartbeat();
    expect(await slotsOf()).toEqual(["1 offline", "1 offline"]);
    box.generations = box.generations.map((report) => ({ ...report, reachable: true }));
    await box.heartbeat();
    expect(await slotsOf()).toEqual(["1 accepting", "1 accepting"]);
  });
});

describe("handing slots over", () => {
  it("first 1: moves them one by one, the busy one when it ends, and never dips", async () => {
    const from = new Date();
    const ref = await runOne();
    await startNext();
    const first = await box.heartbeat();
    expect(first.plan.slots.map((slot) => slot.generation).sort()).toEqual([1, 2]);
    await box.heartbeat();
    expect((await slotsOf())?.sort(), "the spare that became a slot is not handed out twice").toEqual([
      "1 occupied",
      "2 accepting",
    ]);
    await showNext(true);
    await box.heartbeat();
    await test.db.tx((tx) => completeAttempt(tx, box.id, { ...ref, status: "completed" }));
    expect(await slotsOf()).toEqual(["2 accepting", "2 accepting"]);
    const lowest = await minCapacityPct(test.db, { environment: "dev", from, to: new Date() });
    expect(lowest).toBe(100);
  });

  it("gives a slot that ends before a spare is ready to the new generation, to be prepared there", async () => {
    const ref = await runOne();
    await startNext();
    box.generations = box.generations.map((report) => ({ ...report, spareReady: false }));
    await box.heartbeat();
    await test.db.tx((tx) => completeAttempt(tx, box.id, { ...ref, status: "completed" }));
    expect((await slotsOf())?.sort()).toEqual(["1 accepting", "2 renewing"]);
    await showNext(false);
    await box.heartbeat();
    expect((await slotsOf())?.sort()).toEqual(["1 accepting", "2 accepting"]);
  });

  it("goes back the same way", async () => {
    await startNext();
    await box.heartbeat();
    await showNext(true);
    await box.heartbeat();
    expect(await slotsOf()).toEqual(["2 accepting", "2 accepting"]);
    await test.db.tx((tx) => setTargetGeneration(tx, box.id, 1));
    box.generations = [
      testReport({ spareReady: true }),
      testReport({ generation: 2, imageDigest: testDigest("b"), workerBootId: "boot-n" }),
    ];
    await box.heartbeat();
    expect((await slotsOf())?.sort()).toEqual(["1 accepting", "2 accepting"]);
  });

  it("happens once however many ask at the same time", async () => {
    await startNext();
    await test.db.query(
      `INSERT INTO generations (sandbox_id, number, state, image_tag, image_digest, accepting, spare_ready)
       VALUES ($1, 2, 'serving', 'v2', $2, true, true)`,
      [box.id, testDigest("b")],
    );
    const moved = await Promise.all(Array.from({ length: 8 }, () => test.db.tx((tx) => handOverSlots(tx, box.id))));
    expect(moved.reduce((sum, one) => sum + one, 0)).toBe(1);
  });
});

describe("capacity", () => {
  it("is the lowest share of usable slots, read from the changes", async () => {
    const from = new Date();
    await test.db.query("UPDATE slots SET state = 'offline' WHERE index = 0");
    await test.db.query("UPDATE slots SET state = 'accepting' WHERE index = 0");
    // A date has whole milliseconds; the changes have finer times.
    await new Promise((resolve) => setTimeout(resolve, 5));
    const to = new Date();
    expect(await minCapacityPct(test.db, { environment: "dev", from, to })).toBe(50);
    expect(await minCapacityPct(test.db, { environment: "dev", from: to, to: new Date() })).toBe(100);
    expect(await minCapacityPct(test.db, { environment: "staging", from, to })).toBeNull();
  });

  it("is still known after old changes were forgotten", async () => {
    await test.db.query("UPDATE slot_changes SET at = at - interval '60 days'");
    const { slot_changes: forgotten } = await pruneOldRows(test.db);
    expect(forgotten).toBeGreaterThan(0);
    const from = new Date(Date.now() - 1_000);
    expect(await minCapacityPct(test.db, { environment: "dev", from, to: new Date() })).toBe(100);
  });

  it("takes the heartbeats of many sandboxes together, one sandbox's twice, and refuses only a replaced session's", async () => {
    const ref = await runOne();
    const owner = (await getTask(test.db, ref.taskId))?.sandboxId;
    const other = await fleet.addSandbox();
    const boxes = [box, other];
    const [mine, theirs] = boxes.map((one) => ({ sandboxId: one.id, sessionId: one.sessionId, times: fleet.times }));
    if (!mine || !theirs) throw new Error("two sandboxes were made");
    expect(owner).toBe(box.id);
    const heartbeat = { generations: box.generations, attempts: [ref], agentReachable: true };
    const quiet = { generations: other.generations, attempts: [], agentReachable: true };
    const gone = { generations: [], attempts: [], agentReachable: true };
    const answers = await test.db.tx((tx) =>
      applyHeartbeats(tx, [
        { ...mine, heartbeat },
        { ...theirs, sessionId: mine.sessionId, heartbeat: quiet },
        { ...mine, heartbeat: gone },
        { ...theirs, heartbeat: quiet },
      ]),
    );
    expect(answers.map((answer) => answer.ok)).toEqual([true, false, true, true]);
    expect(answers.map((answer) => (answer.ok ? answer.value.renewed.length : null))).toEqual([1, null, 0, 0]);
    // The second one was the last word: its generations are silent.
    expect((await getSandbox(test.db, box.id))?.generations.map((one) => one.accepting)).toEqual([false]);
    expect((await getSandbox(test.db, other.id))?.generations.map((one) => one.accepting)).toEqual([true]);
  });
});
