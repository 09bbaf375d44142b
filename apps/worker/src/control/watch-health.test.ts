import { environmentConfigSchema } from "@valet/contracts";
import {
  type TestDatabase,
  addCordon,
  completeAttempt,
  createTestDatabase,
  listDeploys,
  makeTestFleet,
  putEnvironmentConfig,
  removeCordon,
} from "@valet/db";
import { type Reservation, defaultKnobs, leaseTimes, makeFakeClock } from "@valet/shared";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { digestOf } from "../../../../packages/rollout/src/testing/world.ts";
import { makeBell } from "../bell.ts";
import { makeLog } from "../log.ts";
import { makeDeployStore } from "./deploy-store.ts";
import type { ControlLoop } from "./loop.ts";
import { reconcileDeploysLoop } from "./reconcile-deploys.ts";
import { type FakeFleet, makeFakeFleet } from "./testing/fake-fleet.ts";
import { watchHealthLoop } from "./watch-health.ts";

const times = leaseTimes(30_000);
const { signal } = new AbortController();
const log = makeLog("silent", {});
let test: TestDatabase;
let clock: ReturnType<typeof makeFakeClock>;
let fleet: FakeFleet;
let watch: ControlLoop;
let reconcile: ControlLoop;

async function begin(state: "active" | "provisioning" = "active"): Promise<void> {
  fleet = await makeFakeFleet(test.db, ["sandbox-1", "sandbox-2"], { clock, times, state });
  const { driver } = fleet;
  const knobs = { ...defaultKnobs(), minHealthyMs: 0 };
  watch = watchHealthLoop({ db: test.db, driver, clock, times, log, knobs, unreachableAfterMs: 15_000 });
  reconcile = reconcileDeploysLoop({
    store: makeDeployStore(test.db, times),
    driver,
    clock,
    log,
    bell: makeBell(clock),
  });
}

beforeEach(async () => {
  test = await createTestDatabase();
  clock = makeFakeClock(Date.now());
});
afterEach(() => test.drop());

async function seconds(count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    await watch.round(signal);
    await reconcile.round(signal);
    await fleet.heartbeat();
    await clock.advance(1000);
  }
}

async function deployed(tag: string): Promise<void> {
  const id = await fleet.addDeploy(tag);
  for (let n = 0; n < 40 && (await fleet.deploy(id)).state !== "completed"; n += 1) await seconds(1);
  expect((await fleet.deploy(id)).state).toBe("completed");
}

/** Both slots of one sandbox run a task. */
async function runOn(name: string): Promise<Reservation[]> {
  const other = name === "sandbox-1" ? "sandbox-2" : "sandbox-1";
  const holder = { holderKind: "operator" as const, holderId: "test" };
  const tasks = makeTestFleet(test.db, times);
  await test.db.tx((tx) => addCordon(tx, fleet.idOf(other), { ...holder, reason: "test" }));
  for (let n = 0; n < 2; n += 1) await tasks.submit();
  const runs = await tasks.run();
  await test.db.tx((tx) => removeCordon(tx, fleet.idOf(other), holder));
  return runs;
}

const holders = async (name: string) =>
  (await fleet.row(name)).cordons.map((one) => `${one.holderKind} ${one.holderId}`);

describe("health checks", () => {
  it("make a provisioned sandbox active once its agent and its session answer", async () => {
    await begin("provisioning");
    await seconds(1);
    expect((await fleet.row("sandbox-1")).state).toBe("active");
  });

  it("call a host unreachable only after a while, cordon it in their own name, and lift only that", async () => {
    await begin();
    await deployed("v1");
    const operator = { holderKind: "operator" as const, holderId: "op", reason: "looking at it" };
    await test.db.tx(async (tx) => addCordon(tx, fleet.idOf("sandbox-1"), operator));
    fleet.host("sandbox-1").isReachable = false;
    await seconds(10);
    expect((await fleet.row("sandbox-1")).state).toBe("active");
    await seconds(10);
    expect((await fleet.row("sandbox-1")).state).toBe("unhealthy");
    expect(await holders("sandbox-1")).toEqual(["operator op", "health unreachable"]);
    expect((await fleet.row("sandbox-2")).state).toBe("active");
    fleet.host("sandbox-1").isReachable = true;
    await seconds(2);
    expect((await fleet.row("sandbox-1")).state).toBe("active");
    expect(await holders("sandbox-1")).toEqual(["operator op"]);
  });

  it("F28: a host that was away during a rollout gets no work on the old release: it is held, converged, then let go", async () => {
    await begin();
    await deployed("v1");
    fleet.host("sandbox-2").isReachable = false;
    await seconds(20);
    await deployed("v2");
    fleet.host("sandbox-2").isReachable = true;
    await seconds(1);
    expect(await holders("sandbox-2")).toContain("health drift");
    const before = fleet.host("sandbox-1").admitted.length;
    for (let n = 0; n < 40 && (await holders("sandbox-2")).length > 0; n += 1) await seconds(1);
    const row = await fleet.row("sandbox-2");
    expect(row).toMatchObject({ state: "active", cordons: [] });
    expect(fleet.host("sandbox-2").health().imageDigest).toBe(digestOf("v2"));
    expect(row.slots.every((slot) => slot.generation === row.targetGeneration)).toBe(true);
    expect(fleet.host("sandbox-1").admitted).toHaveLength(before);
    const { rows } = await listDeploys(test.db, { page: 1, pageSize: 9, sortBy: "createdAt", sortOrder: "desc" });
    expect(rows[0]).toMatchObject({ trigger: "converge", state: "completed", sandboxIds: [fleet.idOf("sandbox-2")] });
  });

  it("a returned host is converged by rollout.yml of its environment, host by host", async () => {
    await begin();
    await deployed("v1");
    const config = environmentConfigSchema.parse({
      defaults: { strategy: "blue-green", rollbackWindowMs: 123_000, minHealthyMs: 0 },
      services: { ghosthands: { drainTimeoutMs: 77_000 } },
    });
    const stored = { environment: "dev" as const, source: "", config, createdBy: "olga", expectedVersion: 0 };
    expect(await putEnvironmentConfig(test.db, stored)).toMatchObject({ ok: true });
    fleet.host("sandbox-2").isReachable = false;
    await seconds(20);
    await deployed("v2");
    fleet.host("sandbox-2").isReachable = true;
    for (let n = 0; n < 40 && (n === 0 || (await holders("sandbox-2")).length > 0); n += 1) await seconds(1);
    const { rows } = await listDeploys(test.db, { page: 1, pageSize: 9, sortBy: "createdAt", sortOrder: "desc" });
    expect(rows[0]).toMatchObject({ trigger: "converge", state: "completed", configVersion: 1 });
    expect(rows[0]?.knobs).toMatchObject({ strategy: "rolling", rollbackWindowMs: 123_000, drainTimeoutMs: 77_000 });
  });

  it("a returned host waits while a deploy is open, and a converge in vain is not tried again at once", async () => {
    await begin();
    await deployed("v1");
    fleet.host("sandbox-2").isReachable = false;
    await seconds(20);
    await deployed("v2");
    fleet.host("sandbox-2").trouble.set(digestOf("v2"), { phase: "verifying", message: "no browser" });
    fleet.host("sandbox-2").isReachable = true;
    await seconds(30);
    const all = await listDeploys(test.db, { page: 1, pageSize: 9, sortBy: "createdAt", sortOrder: "desc" });
    expect(all.rows.filter((one) => one.trigger === "converge")).toMatchObject([{ state: "failed" }]);
    expect(await holders("sandbox-2")).toContain("health drift");
  });

  it("F22: a drifted host with running tasks is cordoned, never drained, and repaired only once its slots are idle", async () => {
    await begin();
    await deployed("v1");
    const runs = await runOn("sandbox-2");
    expect(runs).toHaveLength(2);
    fleet.host("sandbox-2").isReachable = false;
    await seconds(20);
    await deployed("v2");
    fleet.host("sandbox-2").isReachable = true;
    const before = fleet.host("sandbox-2").admitted.length;
    for (let n = 0; n < 40; n += 1) await seconds(1);
    expect(await holders("sandbox-2")).toContain("health drift");
    expect(fleet.host("sandbox-2").admitted).toHaveLength(before);
    expect((await fleet.row("sandbox-2")).activeTaskCount).toBe(2);
    for (const { taskId, fence, leaseId } of runs) {
      const end = { taskId, fence, leaseId, status: "completed" as const };
      await test.db.tx((tx) => completeAttempt(tx, fleet.idOf("sandbox-2"), end));
    }
    for (let n = 0; n < 40 && (await holders("sandbox-2")).length > 0; n += 1) await seconds(1);
    expect(fleet.host("sandbox-2").health().imageDigest).toBe(digestOf("v2"));
    expect(fleet.host("sandbox-2").admitted.map((one) => one.kind)).not.toContain("drain");
    expect(fleet.host("sandbox-2").admitted.map((one) => one.kind)).not.toContain("end_generation");
  });

  it("send freed slots to the generation that serves when a deploy ended while the host was away", async () => {
    await begin();
    await deployed("v1");
    await test.db.query("UPDATE sandboxes SET target_generation = 9 WHERE id = $1", [fleet.idOf("sandbox-1")]);
    await seconds(1);
    expect((await fleet.row("sandbox-1")).targetGeneration).toBe(1);
  });

  it("take over an epoch that a command by hand raised on the host", async () => {
    await begin();
    await deployed("v1");
    await fleet.host("sandbox-1").driver.fence({ sandboxId: "", deployId: "", epoch: 99 }, signal);
    await seconds(1);
    expect((await fleet.row("sandbox-1")).epoch).toBe(99);
  });
});
