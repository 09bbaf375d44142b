import { afterEach, describe, expect, it } from "vitest";
import { type FakeAgent, startFakeAgent } from "./testing/fake-agent.ts";
import { type FakeApi, startFakeApi } from "./testing/fake-api.ts";
import { type FakeGhApi, startFakeGhApi } from "./testing/fake-gh-api.ts";
import { eventually } from "./testing/fake-http.ts";
import { type WorkerProcess, startWorkerProcess } from "./testing/worker-process.ts";

/** Heartbeat 1 s, confirmation 200 ms, deadline 22 s. */
const leaseMs = 30_000;
const heartbeatMs = leaseMs / 30;
/** Heartbeat 10 s: what happens much sooner did not wait for one. */
const calmLeaseMs = 300_000;

interface World {
  api: FakeApi;
  gh: FakeGhApi;
  agent: FakeAgent;
  worker: WorkerProcess;
}
const cleanUps: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function startWorld(lease = leaseMs): Promise<World> {
  const api = await startFakeApi({ leaseMs: lease });
  const gh = await startFakeGhApi(1);
  const agent = await startFakeAgent([gh]);
  const worker = start(api, agent);
  cleanUps.unshift(api.stop, gh.stop, agent.stop);
  await eventually("a heartbeat with a reachable generation", () =>
    api.log.heartbeats.at(-1)?.generations.some(({ reachable }) => reachable),
  );
  return { api, gh, agent, worker };
}
function start(api: FakeApi, agent: FakeAgent): WorkerProcess {
  const worker = startWorkerProcess(api, agent);
  cleanUps.push(worker.kill);
  return worker;
}
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const commandsOf = <T extends string>(gh: FakeGhApi, type: T) => gh.commands.filter((command) => command.type === type);

describe("the sandbox worker, a real process", { timeout: 60_000 }, () => {
  it("acknowledges an assignment, and only then hands it to the GH api of its generation with the lease's send time", async () => {
    const { api, gh } = await startWorld();
    const before = { wallMs: Date.now(), monoMs: Number(process.hrtime.bigint()) / 1e6 };
    const assignment = api.assign({ slot: 1 });
    const job = await eventually("the job starts", () => gh.started[0]);
    expect(api.log.acknowledged).toHaveLength(1);
    expect(job).toMatchObject({
      valet_task_id: assignment.taskId,
      idempotency_key: `${assignment.taskId}:1`,
      slot: 1,
      lease: { fence: 1, lease_id: assignment.leaseId, lease_ms: leaseMs },
    });
    expect(job.lease?.renewed_wall_ms).toBeGreaterThanOrEqual(before.wallMs);
    expect(job.lease?.renewed_mono_ms).toBeGreaterThanOrEqual(before.monoMs);
    expect(job.lease?.renewed_mono_ms).toBeLessThan(before.monoMs + 5_000);
  });

  it("F30: what the API has not answered with a 200 does not start by another path", async () => {
    const { api, gh } = await startWorld();
    api.refusesAcknowledgements = true;
    api.assign();
    await pause(1_000);
    expect(gh.jobPosts).toBe(0);
    api.refusesAcknowledgements = false;
    await eventually("the job starts", () => gh.started[0]);
    expect(api.log.acknowledged).toHaveLength(1);
    expect(gh.jobPosts).toBe(1);
  });

  it("F31: a cancellation in the database reaches the browser's GH worker", async () => {
    const { api, gh } = await startWorld();
    const { taskId, fence, leaseId } = api.assign();
    await eventually("the job starts", () => gh.started[0]);
    api.cancel.push({ taskId, fence, leaseId });
    const cancel = await eventually("a cancel command", () => commandsOf(gh, "cancel")[0]);
    expect(cancel).toEqual({ type: "cancel", job_id: `job-${taskId}:1` });
  });

  it("F59: an API outage of many heartbeats gives no lease up, and everything goes on afterwards", async () => {
    const { api, gh } = await startWorld();
    const { taskId } = api.assign();
    await eventually("the job starts", () => gh.started[0]);
    await api.stop();
    gh.event(taskId, 1, "attempt_started");
    await pause(heartbeatMs * 4);
    expect(commandsOf(gh, "kill")).toEqual([]);
    expect(commandsOf(gh, "cancel")).toEqual([]);
    gh.event(taskId, 2, "step_started");
    const renewalsBefore = commandsOf(gh, "renew").length;
    await api.start();
    await eventually("both events arrive", () => api.log.events.length >= 2);
    expect(api.log.events.map(({ seq }) => seq)).toEqual([1, 2]);
    await eventually("the lease is renewed again", () => commandsOf(gh, "renew").length > renewalsBefore);
    gh.finish(taskId, 3);
    await eventually("the end arrives", () => api.log.events.some(({ type }) => type === "finished"));
    expect(gh.started).toHaveLength(1);
    expect(commandsOf(gh, "kill")).toEqual([]);
  });

  it("survives its own kill -9 without touching the running task", async () => {
    const { api, gh, agent, worker } = await startWorld();
    const { taskId } = api.assign();
    await eventually("the job starts", () => gh.started[0]);
    gh.event(taskId, 1, "attempt_started");
    await eventually("the first event arrives", () => api.log.events.length === 1);
    await worker.kill();
    gh.event(taskId, 2, "step_started");
    const second = start(api, agent);
    expect(second.pid).not.toBe(worker.pid);
    await eventually("the second event arrives", () => api.log.events.some(({ seq }) => seq === 2));
    await eventually("the new process renews the attempt", () => {
      const beat = api.log.heartbeats.at(-1);
      return api.log.sessions.length === 2 && beat?.attempts.some((ref) => ref.taskId === taskId);
    });
    gh.finish(taskId, 3);
    await eventually("the end arrives", () => api.openAttempts().length === 0);
    expect(gh.started).toHaveLength(1);
    expect(commandsOf(gh, "kill")).toEqual([]);
  });

  it("delivers after its restart what was acknowledged and no GH worker knows", async () => {
    const api = await startFakeApi({ leaseMs });
    const gh = await startFakeGhApi(1);
    const agent = await startFakeAgent([gh]);
    cleanUps.push(api.stop, gh.stop, agent.stop);
    const { taskId } = api.assign({ acknowledged: true });
    start(api, agent);
    const job = await eventually("the job starts", () => gh.started[0]);
    expect(job.valet_task_id).toBe(taskId);
    // The lease that it gets is one that the API renewed for the new process.
    expect(api.log.heartbeats.some((beat) => beat.attempts.some((ref) => ref.taskId === taskId))).toBe(true);
    await pause(500);
    expect(gh.started).toHaveLength(1);
  });

  it("F33: an attempt whose fence is no longer the newest is killed, at a heartbeat and at its events", async () => {
    const { api, gh } = await startWorld();
    const first = api.assign({ slot: 0 });
    const second = api.assign({ slot: 1 });
    await eventually("both start", () => gh.started.length === 2);
    api.stale.add(`${first.taskId}:1`);
    await eventually("the first is killed", () =>
      commandsOf(gh, "kill").some((command) => "job_id" in command && command.job_id === `job-${first.taskId}:1`),
    );
    api.stale.add(`${second.taskId}:1`);
    gh.event(second.taskId, 1, "step_done");
    await eventually("the second is killed", () =>
      commandsOf(gh, "kill").some((command) => "job_id" in command && command.job_id === `job-${second.taskId}:1`),
    );
  });

  it("F33: a permit for a stale attempt is refused, one for a live attempt is passed on", async () => {
    const { api, gh } = await startWorld();
    const { taskId } = api.assign();
    await eventually("the job starts", () => gh.started[0]);
    const permits = () => gh.commands.filter((command) => command.type === "permit");
    const ask = gh.ask(taskId, 3);
    const granted = await eventually("an answer", () => permits()[0]);
    expect(granted).toMatchObject({ ask_id: ask, step_index: 3, granted: true, usable_for_ms: leaseMs / 60 });
    api.stale.add(`${taskId}:1`);
    gh.ask(taskId, 4);
    const refused = await eventually("another answer", () => permits()[1]);
    expect(refused).toMatchObject({ step_index: 4, granted: false });
  });

  it("delivers again until the GH api takes the job, and it starts once", async () => {
    const { api, gh } = await startWorld();
    gh.refuseJobs = 4;
    api.assign();
    await eventually("the job starts", () => gh.started[0]);
    expect(gh.jobPosts).toBe(5);
    await pause(500);
    expect(gh.started).toHaveLength(1);
  });

  it("reports a task that the release does not take as failed, with the reason", async () => {
    const { api, gh } = await startWorld();
    gh.rejectsJobs = true;
    api.assign();
    const event = await eventually("an end", () => api.log.events[0]);
    expect(event).toMatchObject({
      type: "finished",
      data: { status: "failed", error: { code: "refused_by_release" } },
    });
  });

  it("relays each journal in order, sends again what was not stored, and only then lets the spool forget", async () => {
    const { api, gh } = await startWorld();
    const { taskId } = api.assign();
    await eventually("the job starts", () => gh.started[0]);
    api.refuseEvents = 3;
    for (let seq = 1; seq <= 20; seq += 1) gh.event(taskId, seq, "step_done");
    await pause(50);
    expect(gh.spooled()).toBe(20);
    gh.restartApi();
    gh.finish(taskId, 21);
    await eventually("all are stored", () => api.log.events.some(({ type }) => type === "finished"));
    const seqs = api.log.events.map(({ seq }) => seq);
    expect([...new Set(seqs)]).toEqual(Array.from({ length: 21 }, (_, index) => index + 1));
    await eventually("the spool forgot them", () => gh.spooled() === 0);
  });

  it("stores a screenshot before the event that speaks of it", async () => {
    const { api, gh } = await startWorld();
    const { taskId } = api.assign();
    await eventually("the job starts", () => gh.started[0]);
    gh.files.set(`${taskId}/1/front.png`, "picture");
    gh.event(taskId, 1, "screenshot", { name: "front.png" });
    await eventually("the event arrives", () => api.log.events.length === 1);
    expect(api.log.artifacts).toEqual([{ taskId, fence: 1, name: "front.png", bytes: "picture" }]);
  });

  it("reports a GH api that does not answer as unreachable and renews nothing for it", async () => {
    const { api, gh } = await startWorld();
    const { taskId } = api.assign();
    await eventually("the job is confirmed", () => api.log.heartbeats.at(-1)?.attempts.length === 1);
    await gh.stop();
    const beat = await eventually("an unreachable generation", () => {
      const last = api.log.heartbeats.at(-1);
      return last?.generations[0]?.reachable === false && last.attempts.length === 0 ? last : null;
    });
    // What was last seen is still told: unknown is not zero.
    expect(beat.generations[0]?.attempts.map((ref) => ref.taskId)).toEqual([taskId]);
    await gh.start();
    await eventually("it is back", () => api.log.heartbeats.at(-1)?.attempts.some((ref) => ref.taskId === taskId));
  });

  it("lets pass what a later release says and it does not know", async () => {
    const { api, gh } = await startWorld();
    const { taskId, leaseId } = api.assign();
    await eventually("the job starts", () => gh.started[0]);
    const of = { job_id: "j", valet_task_id: taskId, lease_id: leaseId };
    gh.entry({ kind: "weather", ...of });
    gh.event(taskId, 1, "attempt_started");
    gh.entry({ kind: "event", ...of, event: { fence: 1, seq: 2, type: "step_dreamt", at: new Date().toISOString() } });
    gh.finish(taskId, 3);
    await eventually("the end arrives", () => api.log.events.some(({ type }) => type === "finished"));
    expect(api.log.events.map(({ seq }) => seq)).toEqual([1, 3]);
    await eventually("the spool forgot the known ones", () => gh.spooled() === 1);
  });

  it("opens a new session when a newer one took its place", async () => {
    const { api, gh } = await startWorld();
    api.takeSession();
    await eventually("a second session", () => api.log.sessions.length === 2);
    api.assign();
    await eventually("the job starts", () => gh.started[0]);
  });

  it("tells a generation at once which slots the plan takes from it, and reports a slot that became ready at once", async () => {
    const { api, gh } = await startWorld(calmLeaseMs);
    const slots = () => commandsOf(gh, "slots").at(-1);
    await eventually("both slots are its own", () => JSON.stringify(slots())?.includes("[0,1]"));
    api.setPlan({
      slots: [
        { index: 0, generation: 2 },
        { index: 1, generation: 1 },
      ],
    });
    await eventually("one slot is left", () => JSON.stringify(slots())?.includes("[1]"));
    const slot = gh.inventory.slots[1];
    if (slot) slot.state = "preparing";
    gh.changed();
    await eventually(
      "preparing is told",
      () => api.log.heartbeats.at(-1)?.generations[0]?.slots[1]?.state === "preparing",
    );
  });

  it("ends on SIGTERM within ten seconds and leaves the tasks alone", async () => {
    const { api, gh, worker } = await startWorld();
    api.assign();
    await eventually("the job starts", () => gh.started[0]);
    const startedAt = Date.now();
    expect(await worker.terminate()).toBe(0);
    expect(Date.now() - startedAt).toBeLessThan(10_000);
    expect(commandsOf(gh, "kill")).toEqual([]);
  });
});
