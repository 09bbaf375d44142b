import { addCordon, beat, createTestDatabase, getTask, recordEvents, removeCordon, type TestDatabase } from "@valet/db";
import { type LeaseTimes, leaseTimes } from "@valet/shared";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type ControlProcess, startControlProcess } from "./testing/control-process.ts";
import { type Fleet, eventually, makeFleet, openAttempts, submit, take } from "./testing/fleet.ts";

/** For what must not expire while a test runs. */
const calm = leaseTimes(300_000);
/** Heartbeats every 333 ms, acknowledged within as much, a lease of 10 s: for what must expire. */
const quick = leaseTimes(10_000);
const cleanUps: (() => Promise<unknown> | void)[] = [];
let test: TestDatabase;

beforeEach(async () => {
  test = await createTestDatabase();
});
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
  await test.drop();
});

async function startControl(times: LeaseTimes = calm): Promise<ControlProcess> {
  const control = startControlProcess(test.url, times.leaseMs);
  cleanUps.push(control.kill);
  await control.started;
  return control;
}
async function fleetOf(sandboxes: number, slots: number, times: LeaseTimes = calm): Promise<Fleet> {
  const fleet = await makeFleet(test.db, { sandboxes, slots, times });
  cleanUps.push(fleet.stop);
  return fleet;
}
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const stateOf = async (taskId: string) => (await getTask(test.db, taskId))?.state;

describe("the control worker, a real process", { timeout: 120_000 }, () => {
  it("F29: a task as the API inserts it is one that the assigner takes", async () => {
    await fleetOf(1, 1);
    await startControl();
    const task = await submit(test.db);
    const [attempt] = await eventually("an attempt", async () => {
      const open = await openAttempts(test.db);
      return open.length > 0 && open;
    });
    expect(attempt).toMatchObject({ taskId: task.id, fence: 1, slot: 0 });
    expect(await stateOf(task.id)).toBe("assigned");
  });

  it("answers a notification at once, not at its next tick", async () => {
    await fleetOf(1, 10);
    await startControl();
    await pause(300);
    const waitedMs: number[] = [];
    for (let n = 0; n < 10; n += 1) {
      const submittedAt = Date.now();
      await submit(test.db);
      await eventually("the next attempt", async () => (await openAttempts(test.db)).length === n + 1);
      waitedMs.push(Date.now() - submittedAt);
      await pause(37);
    }
    waitedMs.sort((a, b) => a - b);
    // Each comes just after a round: without the notification all ten would wait about a second.
    expect(waitedMs[2]).toBeLessThan(500);
  });

  it("F04: a cordoned sandbox gets no work from the cordon's commit on", async () => {
    const fleet = await fleetOf(2, 2);
    const cordoned = fleet.sandboxes[0]?.id ?? "";
    const holder = { holderKind: "deploy" as const, holderId: "deploy-1" };
    await startControl();
    await test.db.tx((tx) => addCordon(tx, cordoned, { ...holder, reason: "draining" }));
    for (let n = 0; n < 4; n += 1) await submit(test.db);
    await eventually("both slots of the other are taken", async () => (await openAttempts(test.db)).length === 2);
    await pause(1_500);
    expect((await openAttempts(test.db)).map(({ sandboxId }) => sandboxId)).not.toContain(cordoned);
    await test.db.tx((tx) => removeCordon(tx, cordoned, holder));
    await eventually("the rest once it is lifted", async () => (await openAttempts(test.db)).length === 4);
  });

  it("F18: two control workers at once never give a slot or a task away twice", async () => {
    await fleetOf(4, 5);
    await Promise.all([startControl(), startControl()]);
    const tasks = await Promise.all(Array.from({ length: 60 }, () => submit(test.db)));
    const first = await eventually("every slot is taken", async () => {
      const open = await openAttempts(test.db);
      return open.length === 20 && open;
    });
    for (const attempt of first) await take(test.db, attempt, calm);
    expect(new Set(first.map(({ sandboxId, slot }) => `${sandboxId}:${slot}`)).size).toBe(20);
    expect(new Set(first.map(({ taskId }) => taskId)).size).toBe(20);
    const { rows } = await test.db.query<{ task_id: string }>("SELECT task_id FROM attempts");
    expect(rows).toHaveLength(20);
    expect(tasks.map(({ id }) => id)).toEqual(expect.arrayContaining(rows.map((row) => row.task_id)));
  });

  it("F30: without a control worker a task stays queued where everybody sees it; with one it starts once", async () => {
    await fleetOf(1, 2);
    const first = await startControl();
    await first.kill();
    const task = await submit(test.db);
    await pause(500);
    expect(await stateOf(task.id)).toBe("queued");
    await startControl();
    await eventually("it is assigned", async () => (await stateOf(task.id)) === "assigned");
    expect(await openAttempts(test.db)).toHaveLength(1);
  });

  it("takes an assignment back that nobody acknowledged, at no cost", async () => {
    await fleetOf(1, 1, quick);
    await startControl(quick);
    const task = await submit(test.db);
    await eventually("a second try", async () => ((await getTask(test.db, task.id))?.fence ?? 0) >= 2);
    expect((await getTask(test.db, task.id))?.attemptCount).toBe(0);
  });

  it("F32: an attempt that got stuck is taken over while the control worker runs, F33: and its late end is not taken", async () => {
    const fleet = await fleetOf(3, 1, quick);
    await startControl(quick);
    const task = await submit(test.db);
    const [stuck] = await eventually("an attempt", async () => {
      const open = await openAttempts(test.db);
      return open.length === 1 && open;
    });
    if (!stuck) throw new Error("no attempt");
    await take(test.db, stuck, quick);
    const [second] = await eventually("another attempt", async () => {
      const open = await openAttempts(test.db);
      return open[0] !== undefined && open[0].fence > stuck.fence && open;
    });
    if (!second) throw new Error("no second attempt");
    expect(second.sandboxId).not.toBe(stuck.sandboxId);
    await take(test.db, second, quick);
    const { taskId, fence, leaseId } = stuck;
    const late = {
      ...{ taskId, fence, leaseId, seq: 1, type: "finished", at: new Date().toISOString() },
      data: { status: "completed", result: {} },
    };
    const stored = await test.db.tx((tx) =>
      recordEvents(tx, { sandboxId: stuck.sandboxId, events: [late], times: quick }),
    );
    expect(stored.stale.map((ref) => ref.fence)).toEqual([stuck.fence]);
    expect(await stateOf(task.id)).toBe("running");
    expect(fleet.sandboxes).toHaveLength(3);
  });

  it("F59: while no API was up, leases that run out are held, and the hold is said once", async () => {
    await fleetOf(2, 2, quick);
    const control = await startControl(quick);
    const tasks = await Promise.all(Array.from({ length: 4 }, () => submit(test.db)));
    const open = await eventually("four attempts", async () => {
      const attempts = await openAttempts(test.db);
      return attempts.length === 4 && attempts;
    });
    for (const attempt of open) await take(test.db, attempt, quick);
    // One sign of life of an API, and then none.
    await beat(test.db, { kind: "api", id: "api-1" }, quick);
    await pause(quick.leaseMs + 1_500);
    const { rows } = await test.db.query<{ n: number }>(
      "SELECT count(*) AS n FROM attempts WHERE lease_expires_at < now()",
    );
    expect(rows[0]?.n).toBe(4);
    for (const { id } of tasks) expect(await stateOf(id)).toBe("running");
    expect(control.output.filter((line) => line.includes("lease_expiry_held"))).toHaveLength(1);
  });

  it("outlives a Postgres that drops every connection, and ends on SIGTERM within ten seconds", async () => {
    await fleetOf(1, 1);
    const control = await startControl();
    await test.db.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name LIKE 'valet-control%'",
    );
    const task = await submit(test.db);
    await eventually("it is assigned", async () => (await stateOf(task.id)) === "assigned");
    const stoppedAt = Date.now();
    expect(await control.terminate()).toBe(0);
    expect(Date.now() - stoppedAt).toBeLessThan(10_000);
  });
});
