import { testDigest } from "@valet/shared";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { allowRelease, disallowRelease } from "../releases.ts";
import { addCordon, removeCordon, setReachable } from "../sandboxes.ts";
import { closeSession } from "../sessions.ts";
import { makeTestFleet } from "../test-fleet.ts";
import type { TestFleet } from "../test-fleet.ts";
import { createTestDatabase } from "../testing.ts";
import type { TestDatabase } from "../testing.ts";
import { completeAttempt } from "./complete.ts";
import { sandboxesWithFreeSlots } from "./eligible-sandboxes.ts";
import { reserveTasks } from "./reserve.ts";

let test: TestDatabase;
let fleet: TestFleet;
beforeAll(async () => {
  test = await createTestDatabase();
});
afterAll(() => test.drop());
beforeEach(async () => {
  await test.db.query("TRUNCATE tasks, attempts, slots, sandboxes, sessions, live_events, allowed_releases CASCADE");
  await test.db.query("UPDATE tenants SET last_served = 0");
  fleet = makeTestFleet(test.db);
});

describe("reserving", () => {
  it("fills the free slots and no more, each once, spread over the sandboxes", async () => {
    const boxes = [await fleet.addSandbox(), await fleet.addSandbox()];
    for (let n = 0; n < 6; n += 1) await fleet.submit();
    const reservations = await fleet.reserve();
    expect(reservations).toHaveLength(4);
    expect(new Set(reservations.map((one) => `${one.sandboxId} ${one.slot}`)).size).toBe(4);
    for (const box of boxes) expect(reservations.filter((one) => one.sandboxId === box.id)).toHaveLength(2);
    expect(await fleet.reserve()).toEqual([]);
  });

  it("lets ten assigners at once give each task out once", async () => {
    await fleet.addSandbox({ capacity: 20 });
    for (let n = 0; n < 15; n += 1) await fleet.submit();
    const results = await Promise.all(
      Array.from({ length: 10 }, () => test.db.tx((tx) => reserveTasks(tx, { limit: 3, times: fleet.times }))),
    );
    const taken = results.flatMap((result) => result.reservations.map((one) => one.taskId));
    expect(taken).toHaveLength(15);
    expect(new Set(taken).size).toBe(15);
  });

  it("serves the tenant that was served longest ago, then by place in the queue", async () => {
    const box = await fleet.addSandbox({ capacity: 1 });
    for (let n = 0; n < 50; n += 1) await fleet.submit({ tenantId: "many" });
    const few = await fleet.submit({ tenantId: "few" });
    const order: string[] = [];
    for (let n = 0; n < 3; n += 1) {
      const [next] = await fleet.run();
      if (!next) throw new Error("nothing was reserved");
      order.push(next.tenantId);
      await test.db.tx((tx) => completeAttempt(tx, box.id, { ...next, status: "completed" }));
      await box.heartbeat();
    }
    expect(order.slice(0, 2).sort()).toEqual(["few", "many"]);
    expect(order[2]).toBe("many");
    expect(few.tenantId).toBe("few");
  });

  it("gives priority seconds a head start within a tenant", async () => {
    await fleet.addSandbox({ capacity: 1 });
    await fleet.submit();
    const urgent = await fleet.submit({ spec: { priority: 60 } });
    expect((await fleet.reserve()).map((one) => one.taskId)).toEqual([urgent.id]);
  });

  it("follows labels and a named sandbox", async () => {
    const plain = await fleet.addSandbox({ capacity: 3 });
    const labelled = await fleet.addSandbox({ capacity: 3, labels: { region: "eu", gpu: "yes" } });
    const eu = await fleet.submit({ spec: { placement: { labels: { region: "eu" } } } });
    const named = await fleet.submit({ spec: { placement: { labels: {}, sandboxId: plain.id } } });
    await fleet.submit({ spec: { placement: { labels: { region: "us" } } } });
    const reservations = await fleet.reserve();
    expect(new Map(reservations.map((one) => [one.taskId, one.sandboxId]))).toEqual(
      new Map([
        [eu.id, labelled.id],
        [named.id, plain.id],
      ]),
    );
  });

  it("gives nothing to a sandbox that is cordoned, unreachable, silent or not in service, and again afterwards", async () => {
    const box = await fleet.addSandbox();
    await fleet.submit();
    const cordon = { holderKind: "operator", holderId: "me", reason: "test" } as const;
    const other = { holderKind: "health", holderId: "loop", reason: "test" } as const;
    await test.db.tx((tx) => addCordon(tx, box.id, cordon));
    await test.db.tx((tx) => addCordon(tx, box.id, other));
    expect(await fleet.reserve()).toEqual([]);
    await test.db.tx((tx) => removeCordon(tx, box.id, cordon));
    expect(await fleet.reserve()).toEqual([]);
    await test.db.tx((tx) => removeCordon(tx, box.id, other));
    await test.db.tx((tx) => setReachable(tx, box.id, false));
    expect(await fleet.reserve()).toEqual([]);
    await test.db.tx((tx) => setReachable(tx, box.id, true));
    await test.db.query("UPDATE sessions SET last_heartbeat_at = now() - interval '1 hour'");
    expect(await fleet.reserve()).toEqual([]);
    await box.heartbeat();
    await test.db.query("UPDATE sandboxes SET state = 'unhealthy'");
    expect(await fleet.reserve()).toEqual([]);
    await test.db.query("UPDATE sandboxes SET state = 'active'");
    expect(await fleet.reserve()).toHaveLength(1);
    await test.db.tx((tx) => closeSession(tx, box.sessionId));
    await fleet.submit();
    expect(await fleet.reserve()).toEqual([]);
  });

  it("F28: a host that comes back with a release that is not allowed any more takes no task", async () => {
    const away = await fleet.addSandbox({ digest: testDigest("a") });
    await fleet.submit();
    await allowRelease(test.db, "dev", "ghosthands", { imageDigest: testDigest("b"), reason: "deployed" });
    await disallowRelease(test.db, "dev", "ghosthands", testDigest("a"));
    await away.heartbeat();
    expect(await fleet.reserve()).toEqual([]);
    const current = await fleet.addSandbox({ digest: testDigest("b") });
    expect((await fleet.reserve()).map((one) => one.sandboxId)).toEqual([current.id]);
  });

  it("F08: a generation that drains takes nothing, although its slots are free", async () => {
    const box = await fleet.addSandbox();
    await fleet.submit();
    box.generations = box.generations.map((report) => ({ ...report, accepting: false, state: "draining" as const }));
    await box.heartbeat();
    expect(await fleet.reserve()).toEqual([]);
  });

  it("F04: from a cordon's commit on nothing more is reserved, however the two race", async () => {
    const box = await fleet.addSandbox({ capacity: 20 });
    for (let n = 0; n < 20; n += 1) await fleet.submit();
    const cordon = { holderKind: "deploy", holderId: "d1", reason: "test" } as const;
    const racing = Array.from({ length: 10 }, () =>
      test.db.tx((tx) => reserveTasks(tx, { limit: 1, times: fleet.times })),
    );
    await test.db.tx((tx) => addCordon(tx, box.id, cordon));
    const { rows: before } = await test.db.query("SELECT now() AS at");
    await Promise.all(racing);
    const { rows } = await test.db.query<{ late: number }>(
      "SELECT count(*) AS late FROM attempts WHERE reserved_at > $1",
      [before[0]?.at],
    );
    expect(rows[0]?.late).toBe(0);
    expect(await fleet.reserve()).toEqual([]);
  });

  it("stays fast behind 100,000 tasks of 500 tenants that no sandbox fits", async () => {
    const box = await fleet.addSandbox({ capacity: 5 });
    await test.db.query("INSERT INTO tenants (id, name) SELECT 'crowd-' || n, 'c' FROM generate_series(1, 500) n");
    await test.db.query(
      `INSERT INTO tasks (tenant_id, environment, spec, step_count, placement_labels, placement_key, queue_key, queue_expires_at)
       SELECT 'crowd-' || (n % 500 + 1), 'dev', '{}', 1, jsonb_build_object('only', n % 1000), 'label ' || n % 1000,
         now() - interval '1 hour', now() + interval '1 day' FROM generate_series(1, 100000) n`,
    );
    await test.db.query("ANALYZE tasks");
    await fleet.submit({ tenantId: "newcomer" });
    await box.heartbeat();
    const startedAt = performance.now();
    expect((await fleet.reserve()).map((one) => one.tenantId)).toEqual(["newcomer"]);
    expect(performance.now() - startedAt).toBeLessThan(15_000);
  });

  it("looks at no more sandboxes than it was asked to, and in time at each", async () => {
    const ids = [];
    for (let n = 0; n < 3; n += 1) ids.push((await fleet.addSandbox()).id);
    const seen = new Set<string>();
    for (let n = 0; n < 300; n += 1) {
      const found = await sandboxesWithFreeSlots(test.db, fleet.times, { most: 2 });
      expect(new Set(found.map((one) => one.id)).size).toBe(2);
      expect(found.every((one) => one.freeSlots.length === 2)).toBe(true);
      for (const one of found) seen.add(one.id);
    }
    expect([...seen].sort()).toEqual(ids.sort());
  });
});
