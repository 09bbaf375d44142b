import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import type { TestHost } from "../testing/host.ts";
import { useSuite } from "../testing/suite.ts";
import { until } from "../testing/until.ts";

const suite = useSuite({});

/** A job that submits the form after a while. */
async function submitForm(host: TestHost, waitMs: number) {
  const job = await host.submit({
    steps: [
      { action: "goto", url: `${suite.site().url}/form` },
      { action: "waitFor", durationMs: waitMs },
      { action: "click", selector: "#send" },
      { action: "extract", selector: "#confirmation", as: "confirmation" },
    ],
  });
  await until("the job runs", async () => (await host.status()).active_jobs === 1);
  return job;
}
const submissions = () => suite.site().requests("/submit").length;

it("F01: a busy worker answers its health check with 200 and a body that says so", async () => {
  const host = suite.host();
  const { taskId } = await submitForm(host, 400);
  const answer = await host.atWorker("/worker/health");
  expect(answer.status).toBe(200);
  expect(await answer.json()).toEqual({ status: "busy", active_jobs: 1, deploy_safe: false, accepting: true });
  await host.finished(taskId);
  await until("idle", async () => (await (await host.atWorker("/worker/health")).json()).status === "idle");
  expect((await host.atWorker("/worker/nothing")).status).toBe(404);
  expect(await (await host.atWorker("/worker/nothing")).json()).toEqual({ error: "not_found" });
});

it("F02: a draining worker is safe to deploy as soon as its last job has ended, and can be taken back", async () => {
  const host = suite.host();
  const { taskId } = await submitForm(host, 400);
  for (let twice = 0; twice < 2; twice += 1) {
    const drained = await host.atWorker("/worker/drain", "POST");
    expect(await drained.json()).toEqual({ status: "draining", active_jobs: 1, worker_id: "worker-1" });
  }
  expect(await host.status()).toMatchObject({ is_draining: true, deploy_safe: false, accepting: false });
  expect(await host.finished(taskId)).toMatchObject({ status: "completed" });
  await until("safe to deploy", async () => (await host.status()).deploy_safe);
  expect(await (await host.atWorker("/worker/health")).json()).toEqual({
    status: "draining",
    active_jobs: 0,
    deploy_safe: true,
    accepting: false,
  });
  await host.atWorker("/worker/undrain", "POST");
  expect(await host.status()).toMatchObject({ is_draining: false, accepting: true });
});

it("F08: a draining worker begins nothing; what reaches it all the same is given back at once, untouched", async () => {
  const host = suite.host();
  const before = submissions();
  await host.atWorker("/worker/drain", "POST");
  await until("the api knows", () => host.relay.workers()[0]?.draining);
  const steps = [
    { action: "goto" as const, url: `${suite.site().url}/form` },
    { action: "click" as const, selector: "#send" },
  ];
  const { taskId } = await host.submit({ steps });
  expect(await host.finished(taskId)).toMatchObject({ status: "interrupted", error: { code: "worker_draining" } });
  expect(host.relay.events(taskId).map((event) => event.type)).toEqual(["finished"]);

  const local = { valet_task_id: crypto.randomUUID(), idempotency_key: "local", steps };
  const refused = await host.client.raw("/api/v1/gh/jobs", { method: "POST", body: JSON.stringify(local) });
  expect(refused.status).toBe(503);
  expect(refused.headers.get("retry-after")).toBe("5");
  await sleep(100);
  expect(submissions()).toBe(before);
  await host.atWorker("/worker/undrain", "POST");
});

it("F03: SIGTERM after a drain request is the same request: jobs end by themselves, then the worker does", async () => {
  const host = suite.host();
  const before = submissions();
  const { taskId } = await submitForm(host, 700);
  await host.atWorker("/worker/drain", "POST");
  host.worker().signal("SIGTERM");
  host.worker().signal("SIGTERM");
  host.worker().signal("SIGINT");
  expect(await host.finished(taskId)).toMatchObject({ status: "completed" });
  expect(submissions() - before).toBe(1);
  expect(await host.worker().ended).toBe(0);
  expect(host.browserPids()).toEqual([]);
  expect(await host.profiles()).toEqual([]);
});
