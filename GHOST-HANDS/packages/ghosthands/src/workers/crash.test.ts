import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { ghJobCreateSchema } from "@valet/contracts";
import { expect, it } from "vitest";
import type { TestHost } from "../testing/host.ts";
import { useSuite } from "../testing/suite.ts";
import { until } from "../testing/until.ts";
import { groupMembers } from "./process-table.ts";

const suite = useSuite({});
const form = () => `${suite.site().url}/form`;
const submissions = () => suite.site().requests("/submit").length;

/** Submits the form, then lingers. */
async function lingering(host: TestHost, waitMs = 60_000) {
  const job = await host.submit({
    steps: [
      { action: "goto", url: form() },
      { action: "click", selector: "#send" },
      { action: "waitFor", durationMs: waitMs },
      { action: "extract", selector: "#confirmation", as: "confirmation" },
    ],
  });
  await until("the write is journalled", async () => (await host.job(job.jobId)).steps_done >= 2);
  return job;
}

/** Process id and group of the browser that a job runs in. */
async function busyBrowser(host: TestHost): Promise<number> {
  const folder = join(host.dataDir, "leases");
  const [name = ""] = await readdir(folder);
  return (JSON.parse(await readFile(join(folder, name), "utf8")) as { browserPid: number }).browserPid;
}

it("kill -9 of the api in the middle of a task: the task completes and every event arrives, in order, once", async () => {
  const host = suite.host();
  const before = submissions();
  host.relay.policy.acknowledge = false;
  const { taskId, jobId } = await lingering(host, 1_500);
  const bootId = (await host.status()).boot_id;
  await host.api().kill();
  await host.startApi();
  await until("the new api has relearned the job", async () => (await host.job(jobId)).steps_done >= 2);
  host.relay.policy.acknowledge = true;
  expect(await host.finished(taskId)).toMatchObject({ status: "completed" });
  const events = host.relay.events(taskId);
  expect(events.map((event) => event.seq)).toEqual(events.map((_, index) => index + 1));
  expect(events.filter((event) => event.type === "step_done")).toHaveLength(4);
  expect(submissions() - before).toBe(1);
  expect((await host.status()).boot_id).toBe(bootId);
  // The same key is still the same job for a process that never saw it handed in.
  const again = { valet_task_id: taskId, idempotency_key: `key-${taskId}`, steps: [{ action: "goto", url: form() }] };
  const answer = await host.client.raw("/api/v1/gh/jobs", { method: "POST", body: JSON.stringify(again) });
  expect(answer.status).toBe(409);
  expect(await answer.json()).toMatchObject({ job_id: jobId, duplicate: true });
});

it("F36: a restarted worker has the name it had, and its slots", async () => {
  const host = suite.host();
  const before = await host.status();
  await host.worker().kill();
  await host.startWorker();
  await host.slotsReady(2);
  const after = await host.status();
  expect(after.worker_id).toBe(before.worker_id);
  expect(after.boot_id).not.toBe(before.boot_id);
  expect(after.slots.map((slot) => slot.index)).toEqual([0, 1]);
  await until("registered under its name", () => host.relay.workers()[0]?.boot_id === after.boot_id);
  expect(host.relay.workers()).toHaveLength(1);
});

it("F60: a write that is in the journal is never done again, by no restart and no repeated start", async () => {
  const host = suite.host();
  const before = submissions();
  host.relay.policy.acknowledge = false;
  const { taskId, jobId } = await lingering(host);
  const job = ghJobCreateSchema.parse({
    valet_task_id: taskId,
    idempotency_key: `key-${taskId}`,
    steps: [
      { action: "goto" as const, url: form() },
      { action: "click" as const, selector: "#send" },
    ],
    lease: host.relay.lease(),
    slot: 0,
  });
  await host.worker().kill();
  await host.startWorker();
  expect(await host.finished(taskId)).toMatchObject({
    status: "interrupted",
    error: { code: "worker_died", stepIndex: 2 },
    writes: [{ stepIndex: 1, isDone: true }],
  });
  await host.slotsReady(2);
  host.relay.policy.acknowledge = true;
  // The same attempt again, under its own and under another job id: a sender that lost its memory.
  await host.relay.send({ type: "start", job_id: jobId, job });
  await host.relay.send({ type: "start", job_id: "another-id", job });
  // Once this later one is through, the repeated ones have been dealt with.
  const later = await host.submit({ steps: [{ action: "goto", url: form() }], slot: 0 });
  expect(await host.finished(later.taskId)).toMatchObject({ status: "completed" });
  expect(submissions() - before).toBe(1);
});

it("F07: an attempt is given back only when nothing of it is executing any more", async () => {
  const host = suite.host();
  const { taskId } = await host.submit({
    steps: [
      { action: "goto", url: `${suite.site().url}/ticking` },
      { action: "waitFor", durationMs: 60_000 },
    ],
  });
  await until("the page ticks", () => suite.site().requests("/tick").length > 2);
  const group = await busyBrowser(host);
  // A stopped browser does not notice that its worker died: nothing but the next boot ends it.
  process.kill(-group, "SIGSTOP");
  await host.worker().kill();
  expect(groupMembers(group).length).toBeGreaterThan(0);
  host.relay.policy.acknowledge = false;
  await host.startWorker();
  expect(await host.finished(taskId)).toMatchObject({ status: "interrupted" });
  expect(groupMembers(group)).toEqual([]);
  expect(await readdir(join(host.dataDir, "leases"))).toEqual([]);
  host.relay.policy.acknowledge = true;
});

it("a browser that is killed under its job: interrupted at once, and the slot has a new one", async () => {
  const host = suite.host();
  const { taskId } = await lingering(host);
  const group = await busyBrowser(host);
  process.kill(group, "SIGKILL");
  expect(await host.finished(taskId)).toMatchObject({ status: "interrupted", error: { code: "browser_died" } });
  await host.slotsReady(2);
  expect(groupMembers(group)).toEqual([]);
  expect(await host.profiles()).toHaveLength(2);
});
