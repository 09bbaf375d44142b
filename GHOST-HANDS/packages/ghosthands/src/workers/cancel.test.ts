import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { useSuite } from "../testing/suite.ts";
import { until } from "../testing/until.ts";

const suite = useSuite({});

it("F31: a cancelled job's browser stops within a second, in the middle of what it does", async () => {
  const host = suite.host();
  const { taskId, jobId } = await host.submit({
    steps: [
      { action: "goto", url: `${suite.site().url}/ticking` },
      { action: "waitFor", selector: "#never" },
    ],
  });
  await until("the page ticks", () => suite.site().requests("/tick").length > 2);
  const running = host.browserPids();
  const askedAtMs = Date.now();
  expect((await host.client.raw(`/api/v1/gh/jobs/${jobId}/cancel`, { method: "POST" })).status).toBe(202);
  expect(await host.finished(taskId)).toMatchObject({ status: "cancelled" });
  await sleep(300);
  const last = suite.site().requests("/tick").at(-1)?.atMs ?? 0;
  // A second is the promise; three leave room for a machine that is busy with other things.
  expect(last - askedAtMs).toBeLessThan(3_000);
  const ticks = suite.site().requests("/tick").length;
  await host.slotsReady(2);
  expect(suite.site().requests("/tick")).toHaveLength(ticks);
  expect(running.length).toBeGreaterThan(4);
  expect((await host.client.raw(`/api/v1/gh/jobs/${jobId}/cancel`, { method: "POST" })).status).toBe(409);
});

it("a task that takes too long is timed out, a step that takes too long fails with a picture", async () => {
  const host = suite.host();
  const goto = { action: "goto" as const, url: `${suite.site().url}/form` };
  const slow = await host.submit({ steps: [goto, { action: "waitFor", durationMs: 60_000 }], timeout_ms: 1_000 });
  const stuck = await host.submit({
    steps: [goto, { action: "click", selector: "#never", timeoutMs: 100 }],
    slot: 1,
    lease: { ...host.relay.lease(), lease_id: "another-lease" },
  });
  expect(await host.finished(slow.taskId)).toMatchObject({
    status: "timed_out",
    error: { code: "task_timeout" },
  });
  expect(await host.finished(stuck.taskId)).toMatchObject({
    status: "failed",
    error: { code: "step_timeout", stepIndex: 1, message: "click on #never was not done within 100 ms" },
  });
  const types = host.relay.events(stuck.taskId).map((event) => event.type);
  expect(types).toEqual([
    "attempt_started",
    "step_started",
    "step_done",
    "step_started",
    "step_failed",
    "screenshot",
    "finished",
  ]);
  // It never came to the click, so nobody was asked for leave to click.
  expect(host.relay.asks()).toEqual([]);
});

it("F35: whatever a job's end, its browser and its profile are gone, and the next job starts in a fresh one", () =>
  suite.withHost({ slots: [0] }, async (host) => {
    const url = `${suite.site().url}/form`;
    const seen = new Set<string>();
    for (const steps of [
      [{ action: "goto" as const, url }],
      [
        { action: "goto" as const, url },
        { action: "assert" as const, text: "never there", timeoutMs: 50 },
      ],
      [{ action: "goto" as const, url: "http://10.0.0.1/" }],
    ]) {
      const before = await host.profiles();
      const pids = host.browserPids();
      const { taskId } = await host.submit({ steps });
      await host.finished(taskId);
      await host.slotsReady(1);
      const after = await host.profiles();
      expect(after).toHaveLength(1);
      expect(after).not.toEqual(before);
      expect(host.browserPids().filter((pid) => pids.includes(pid))).toEqual([]);
      seen.add(after[0] ?? "");
    }
    expect(seen.size).toBe(3);
    expect(await readdir(join(host.dataDir, "leases"))).toEqual([]);
    await until("the spool is empty", async () => (await readdir(join(host.dataDir, "spool"))).length === 0);
    host.worker().signal("SIGTERM");
    await host.worker().ended;
    expect(host.browserPids()).toEqual([]);
    expect(await host.profiles()).toEqual([]);
  }));
