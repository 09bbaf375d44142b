import { type TestDatabase, createTestDatabase, decisionsOf, listAllowedReleases, listReleases } from "@valet/db";
import { leaseTimes, makeFakeClock } from "@valet/shared";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { digestOf } from "../../../../packages/rollout/src/testing/world.ts";
import { makeBell } from "../bell.ts";
import { makeLog } from "../log.ts";
import { makeDeployStore } from "./deploy-store.ts";
import { reconcileDeploysLoop } from "./reconcile-deploys.ts";
import { type FakeFleet, makeFakeFleet } from "./testing/fake-fleet.ts";
import { replayEveryJournal } from "./testing/journals.ts";

const times = leaseTimes(30_000);
const { signal } = new AbortController();
const log = makeLog("silent", {});
let test: TestDatabase;
let clock: ReturnType<typeof makeFakeClock>;
let fleet: FakeFleet;

beforeEach(async () => {
  test = await createTestDatabase();
  clock = makeFakeClock(Date.now());
  fleet = await makeFakeFleet(test.db, ["sandbox-1", "sandbox-2"], { clock, times });
});
afterEach(async () => {
  try {
    expect(await replayEveryJournal(test.db)).toBeGreaterThan(0);
  } finally {
    await test.drop();
  }
});

function startLoop() {
  const { driver } = fleet;
  return reconcileDeploysLoop({ store: makeDeployStore(test.db, times), driver, clock, log, bell: makeBell(clock) });
}

/** Rounds of these control workers at the same time, and heartbeats, until the deploy is in this state. */
async function until(id: string, state: string, workers = [startLoop()]): Promise<void> {
  for (let n = 0; n < 60; n += 1) {
    const deploy = await fleet.deploy(id);
    if (deploy.state === state) return;
    await Promise.all(workers.map((worker) => worker.round(signal)));
    await fleet.heartbeat();
    await clock.advance(1000);
  }
  const { state: found, stateReason, waitingOn, hosts } = await fleet.deploy(id);
  const steps = hosts.map((host) => `${host.sandboxName} ${host.step}: ${host.reason}`);
  throw new Error(`${found}, not ${state}: ${stateReason}; waits on ${waitingOn.join("; ")}; ${steps.join("; ")}`);
}

describe("the reconcile loop on Postgres", () => {
  it("takes a first release and then the next one to every sandbox, slot by slot", async () => {
    await until(await fleet.addDeploy("v1"), "completed");
    const second = await fleet.addDeploy("v2");
    await until(second, "completed");
    for (const name of ["sandbox-1", "sandbox-2"]) {
      const row = await fleet.row(name);
      expect(row.slots.map((slot) => [slot.generation, slot.state])).toEqual([
        [2, "accepting"],
        [2, "accepting"],
      ]);
      expect(row).toMatchObject({ state: "active", cordons: [], targetGeneration: 2 });
    }
    const deploy = await fleet.deploy(second);
    expect(deploy.previousDigest).toBe(digestOf("v1"));
    expect(deploy.hosts.map((host) => host.reportedDigest)).toEqual([digestOf("v2"), digestOf("v2")]);
    expect(await listAllowedReleases(test.db, "dev", "ghosthands")).toMatchObject([{ imageDigest: digestOf("v2") }]);
    const releases = await listReleases(test.db, { page: 1, pageSize: 9, sortBy: "createdAt", sortOrder: "asc" });
    expect(releases.rows.map((release) => release.imageDigest)).toEqual([digestOf("v1"), digestOf("v2")]);
    const told = (await decisionsOf(test.db, second)).map((decision) => decision.summary);
    expect(told).toContain(
      "sandbox-1: verifying -> handing_over: generation 2 is verified; slots are handed to it as they fall free",
    );
  });

  it("rolls a bad release back and allows only the good one", async () => {
    await until(await fleet.addDeploy("v1"), "completed");
    fleet.host("sandbox-2").trouble.set(digestOf("v2"), { phase: "verifying", message: "no browser" });
    const second = await fleet.addDeploy("v2");
    await until(second, "rolled_back");
    expect((await fleet.row("sandbox-1")).targetGeneration).toBe(1);
    expect((await fleet.row("sandbox-1")).slots.every((slot) => slot.generation === 1)).toBe(true);
    expect(await listAllowedReleases(test.db, "dev", "ghosthands")).toMatchObject([{ imageDigest: digestOf("v1") }]);
    expect((await fleet.deploy(second)).stateReason).toContain("sandbox-2: no browser");
  });

  it("F18: three control workers at once start one deploy once, and give each host each command once", async () => {
    const workers = [startLoop(), startLoop(), startLoop()];
    await until(await fleet.addDeploy("v1"), "completed", workers);
    const second = await fleet.addDeploy("v2", { order: "stop-first" });
    await until(second, "completed", workers);
    for (const name of ["sandbox-1", "sandbox-2"]) {
      const kinds = fleet.host(name).admitted.map((one) => one.kind);
      expect(kinds).toEqual(["deploy", "settle", "drain", "deploy", "settle"]);
      const epochs = fleet.host(name).admitted.map((one) => one.epoch);
      expect(new Set(epochs).size).toBe(epochs.length);
    }
  });

  it("F16: an abort left between two rounds ends the deploy, and the hosts take work again", async () => {
    await until(await fleet.addDeploy("v1"), "completed");
    const second = await fleet.addDeploy("v2", { order: "stop-first" });
    await until(second, "in_progress");
    await fleet.ask(second, "abort");
    await until(second, "aborted");
    const deploy = await fleet.deploy(second);
    expect(deploy.request).toBeNull();
    expect((await fleet.row("sandbox-1")).cordons).toEqual([]);
    expect((await fleet.row("sandbox-2")).cordons).toEqual([]);
  });

  it("one deploy that cannot be read does not stop the others, and is reported", async () => {
    const first = await fleet.addDeploy("v1");
    const broken = await fleet.addDeploy("v3");
    await test.db.query(
      "UPDATE deploys SET engine = '{\"kind\": \"unheard-of\"}', environment = 'staging' WHERE id = $1",
      [broken],
    );
    const loop = startLoop();
    await expect(loop.round(signal)).rejects.toThrow(/1 of 2 deploys/);
    expect((await fleet.deploy(first)).state).toBe("in_progress");
  });
});
