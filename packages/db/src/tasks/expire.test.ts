import { leaseTimes } from "@valet/shared";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { beat } from "../beats.ts";
import { getSandbox } from "../sandboxes.ts";
import { makeTestFleet } from "../test-fleet.ts";
import type { TestFleet } from "../test-fleet.ts";
import { createTestDatabase } from "../testing.ts";
import type { TestDatabase } from "../testing.ts";
import { expireLeases, expireQueued } from "./expire.ts";
import { grantPermit } from "./permit.ts";
import { attemptsOf, getTask } from "./read.ts";
import type { Reservation } from "@valet/shared";
import { expireUnacknowledged } from "./unacknowledged.ts";

let test: TestDatabase;
let fleet: TestFleet;
const times = leaseTimes(30_000);
beforeAll(async () => {
  test = await createTestDatabase();
});
afterAll(() => test.drop());
beforeEach(async () => {
  await test.db.query(
    "TRUNCATE tasks, attempts, slots, sandboxes, sessions, permits, control_heartbeats, live_events CASCADE",
  );
  fleet = makeTestFleet(test.db, times);
});

const expire = () => test.db.tx((tx) => expireLeases(tx, times));
/** Makes the leases of these tasks run out some time ago. */
const runOut = (refs: readonly Reservation[], agoMs = 1_000) =>
  test.db.query(
    "UPDATE attempts SET lease_expires_at = now() - $2 * interval '1 millisecond' WHERE task_id = ANY ($1::uuid[])",
    [refs.map((ref) => ref.taskId), agoMs],
  );
const runTasks = async (count: number, capacity: number): Promise<Reservation[]> => {
  await fleet.addSandbox({ capacity });
  for (let n = 0; n < count; n += 1) await fleet.submit();
  return fleet.run();
};

describe("leases", () => {
  it("F32: a task whose worker fell silent is taken up while everything runs, not at some restart", async () => {
    const [ref] = await runTasks(1, 2);
    if (!ref) throw new Error("nothing runs");
    expect(await expire()).toEqual({ expired: [], held: null });
    await runOut([ref]);
    expect(await expire()).toEqual({ expired: [ref.taskId], held: null });
    expect((await getTask(test.db, ref.taskId))?.state).toBe("queued");
    expect((await attemptsOf(test.db, ref.taskId)).map((one) => one.outcome)).toEqual(["lost"]);
  });

  it("that ran out after a write was permitted leave the task to a person", async () => {
    const [ref] = await runTasks(1, 2);
    if (!ref) throw new Error("nothing runs");
    await test.db.tx((tx) =>
      grantPermit(tx, { sandboxId: ref.sandboxId, ref, stepIndex: 0, workerBootId: "boot-1", times }),
    );
    await runOut([ref]);
    await expire();
    expect((await getTask(test.db, ref.taskId))?.state).toBe("needs_review");
  });

  it("F59: when more than 30 % run out together, nothing is given up, and it is said", async () => {
    const refs = await runTasks(10, 10);
    await runOut(refs.slice(0, 4));
    expect(await expire()).toEqual({ expired: [], held: { count: 4, open: 10, reason: "mass_expiry" } });
    await runOut(refs.slice(0, 4), times.leaseMs + 1_000);
    expect((await expire()).expired).toHaveLength(4);
  });

  it("are given up one by one when it is not our own fault", async () => {
    const refs = await runTasks(10, 10);
    await runOut(refs.slice(0, 3));
    expect((await expire()).expired).toHaveLength(3);
  });

  it("F59: while no API is up nothing expires, and after it is back every lease has its full time", async () => {
    const [ref] = await runTasks(1, 2);
    if (!ref) throw new Error("nothing runs");
    await beat(test.db, { kind: "api", id: "api-1" }, times);
    await beat(test.db, { kind: "control", id: "control-1" }, times);
    await test.db.query("UPDATE control_heartbeats SET at = now() - interval '1 minute' WHERE kind = 'api'");
    await runOut([ref]);
    expect((await expire()).held?.reason).toBe("api_away");
    await beat(test.db, { kind: "api", id: "api-2" }, times);
    expect((await expire()).held?.reason).toBe("grace");
    await test.db.query("UPDATE control_heartbeats SET resumed_at = resumed_at - interval '31 seconds'");
    expect((await expire()).expired).toEqual([ref.taskId]);
  });

  it("F59: a control plane that was itself away gives every lease its full time", async () => {
    const [ref] = await runTasks(1, 2);
    if (!ref) throw new Error("nothing runs");
    await beat(test.db, { kind: "control", id: "control-1" }, times);
    await test.db.query("UPDATE control_heartbeats SET at = now() - interval '1 minute'");
    await runOut([ref]);
    expect((await expire()).held?.reason).toBe("control_away");
    await beat(test.db, { kind: "control", id: "control-1" }, times);
    expect((await expire()).held?.reason).toBe("grace");
  });
});

describe("assignments that nobody acknowledges", () => {
  const late = () =>
    test.db.query("UPDATE attempts SET reserved_at = now() - interval '1 hour' WHERE acknowledged_at IS NULL");
  const takeBack = () => test.db.tx((tx) => expireUnacknowledged(tx, times));

  it("go back to the queue at no cost, and the slot accepts again", async () => {
    const box = await fleet.addSandbox();
    const task = await fleet.submit();
    await fleet.reserve();
    expect((await takeBack()).requeued).toEqual([]);
    await late();
    expect(await takeBack()).toEqual({ requeued: [task.id], quarantined: [] });
    expect(await getTask(test.db, task.id)).toMatchObject({ state: "queued", attemptCount: 0, interruptions: 0 });
    expect((await getSandbox(test.db, box.id))?.slots.every((slot) => slot.state === "accepting")).toBe(true);
  });

  it("quarantine the sandbox after three in a row, and not when one between was acknowledged", async () => {
    const box = await fleet.addSandbox({ capacity: 1 });
    await fleet.submit();
    for (const run of [1, 2]) {
      expect(await fleet.reserve(), `run ${run}`).toHaveLength(1);
      await late();
      expect((await takeBack()).quarantined).toEqual([]);
    }
    expect(await fleet.reserve()).toHaveLength(1);
    await late();
    expect((await takeBack()).quarantined).toEqual([box.id]);
    expect(await fleet.reserve()).toEqual([]);
    await test.db.query("UPDATE sandboxes SET quarantined_until = now() - interval '1 second'");
    expect(await fleet.run()).toHaveLength(1);
    expect((await takeBack()).requeued).toEqual([]);
  });
});

describe("the queue", () => {
  it("lets go of tasks that waited longer than they wanted to", async () => {
    const late = await fleet.submit({ spec: { queueTimeoutMs: 1_000 } });
    const patient = await fleet.submit();
    await test.db.query("UPDATE tasks SET queue_expires_at = now() - interval '1 second' WHERE id = $1", [late.id]);
    expect(await test.db.tx((tx) => expireQueued(tx))).toEqual([late.id]);
    expect(await getTask(test.db, late.id)).toMatchObject({ state: "expired", error: { code: "expired" } });
    expect((await getTask(test.db, patient.id))?.state).toBe("queued");
  });
});
