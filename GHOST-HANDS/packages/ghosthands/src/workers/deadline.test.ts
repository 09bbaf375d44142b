import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import type { TestHost } from "../testing/host.ts";
import { useSuite } from "../testing/suite.ts";
import { until } from "../testing/until.ts";

const leaseMs = 3_000;
const suite = useSuite({ leaseMs });
const submissions = () => suite.site().requests("/submit").length;
const ticks = () => suite.site().requests("/tick").length;

async function leaseNote(host: TestHost): Promise<{ frozen: boolean; deadlineMonoMs: number; browserPid: number }> {
  const folder = join(host.dataDir, "leases");
  const name = (await readdir(folder)).find((one) => one.endsWith(".json")) ?? "";
  return JSON.parse(await readFile(join(folder, name), "utf8")) as Awaited<ReturnType<typeof leaseNote>>;
}

it("past its deadline the browser stands still; a renewal of the same fence lets it go on as if nothing had been", async () => {
  const host = suite.host();
  const { taskId, jobId } = await host.submit({
    steps: [
      { action: "goto", url: `${suite.site().url}/ticking` },
      // Longer than frozen and not, shorter than the freeze alone would take: frozen time does not count.
      { action: "waitFor", selector: "#never", timeoutMs: 3_500 },
    ],
  });
  await until("the page ticks", () => ticks() > 2);
  const first = await leaseNote(host);
  host.relay.policy.renew = false;
  await until("frozen", async () => (await host.job(jobId)).frozen);
  expect(await leaseNote(host)).toMatchObject({ frozen: true, browserPid: first.browserPid });
  const frozenAt = ticks();
  await sleep(2_000);
  expect(ticks()).toBe(frozenAt);
  host.relay.policy.renew = true;
  await until("thawed", async () => !(await host.job(jobId)).frozen);
  await until("it ticks again", () => ticks() > frozenAt + 2);
  expect((await leaseNote(host)).frozen).toBe(false);
  expect((await leaseNote(host)).deadlineMonoMs).toBeGreaterThan(first.deadlineMonoMs);
  expect(await host.finished(taskId)).toMatchObject({ status: "failed", error: { code: "step_timeout" } });
  const types = host.relay.events(taskId).map((event) => event.type);
  expect(types.filter((type) => type === "frozen" || type === "thawed")).toEqual(["frozen", "thawed"]);
});

it("a worker stopped past the deadline does nothing when it wakes, and is killed off once taken over", async () => {
  const host = suite.host();
  const before = submissions();
  const { taskId, jobId } = await host.submit({
    steps: [
      { action: "goto", url: `${suite.site().url}/form` },
      { action: "waitFor", durationMs: 600 },
      { action: "click", selector: "#send", effect: "read" },
    ],
  });
  await until("it waits", async () => (await host.job(jobId)).steps_done === 1);
  host.relay.policy.renew = false;
  host.worker().signal("SIGSTOP");
  await sleep(leaseMs * 0.75 + 300);
  host.worker().signal("SIGCONT");
  await until("frozen", async () => (await host.job(jobId)).frozen);
  await sleep(300);
  expect(submissions()).toBe(before);
  await host.relay.send({ type: "kill", job_id: jobId });
  expect(await host.finished(taskId)).toMatchObject({ status: "interrupted", error: { code: "taken_over" } });
  expect(submissions()).toBe(before);
  host.relay.policy.renew = true;
});

it("a page that acts by itself reaches nobody while its worker is stopped, nor past the deadline when it wakes", async () => {
  const host = suite.host();
  const { taskId, jobId } = await host.submit({
    steps: [
      { action: "goto", url: `${suite.site().url}/ticking` },
      { action: "waitFor", selector: "#never" },
    ],
  });
  const before = ticks();
  await until("the page ticks", () => ticks() > before + 2);
  host.relay.policy.renew = false;
  host.worker().signal("SIGSTOP");
  await sleep(100);
  const stopped = ticks();
  await sleep(leaseMs * 0.75 + 200);
  expect(ticks()).toBe(stopped);
  host.worker().signal("SIGCONT");
  await until("frozen", async () => (await host.job(jobId)).frozen);
  await sleep(200);
  expect(ticks()).toBe(stopped);
  await host.relay.send({ type: "kill", job_id: jobId });
  expect(await host.finished(taskId)).toMatchObject({ status: "interrupted" });
  expect(ticks()).toBe(stopped);
  host.relay.policy.renew = true;
});

it("a lease that is past its deadline at the start begins nothing until it is renewed", async () => {
  const host = suite.host();
  host.relay.policy.renew = false;
  const lease = host.relay.lease();
  const old = { ...lease, renewed_wall_ms: lease.renewed_wall_ms - leaseMs };
  const { taskId } = await host.submit({ steps: [{ action: "goto", url: `${suite.site().url}/form` }], lease: old });
  await until("it is frozen before it began", () => host.relay.events(taskId).some((event) => event.type === "frozen"));
  expect(host.relay.events(taskId).map((event) => event.type)).toEqual(["frozen"]);
  host.relay.policy.renew = true;
  // Another fence's renewal is not this attempt's.
  await host.relay.send({ type: "renew", leases: [{ ...host.relay.lease(), fence: 2, valet_task_id: taskId }] });
  await host.relay.send({ type: "renew", leases: [{ ...host.relay.lease(), valet_task_id: taskId }] });
  expect(await host.finished(taskId)).toMatchObject({ status: "completed" });
});

it("without a permit nothing is written: refused ends the attempt, silence is asked again until answered", async () => {
  const host = suite.host();
  const before = submissions();
  const steps = [
    { action: "goto" as const, url: `${suite.site().url}/form` },
    { action: "click" as const, selector: "#send" },
  ];
  host.relay.policy.permit = () => ({ granted: false, reason: "stale_fence" });
  const refused = await host.submit({ steps });
  expect(await host.finished(refused.taskId)).toMatchObject({
    status: "interrupted",
    error: { code: "permit_refused", message: "the write was not permitted: stale_fence", stepIndex: 1 },
  });
  expect(submissions()).toBe(before);

  host.relay.policy.permit = () => "silence";
  const waiting = await host.submit({ steps, slot: 1, lease: { ...host.relay.lease(), lease_id: "lease-2" } });
  const asked = () => host.relay.asks().filter((ask) => ask.valet_task_id === waiting.taskId);
  await until("asked more than once", () => asked().length > 2);
  expect(submissions()).toBe(before);
  expect(new Set(asked().map((ask) => ask.ask_id)).size).toBe(asked().length);
  host.relay.policy.permit = () => ({ granted: true, reason: null });
  expect(await host.finished(waiting.taskId)).toMatchObject({ status: "completed" });
  expect(submissions() - before).toBe(1);
});
