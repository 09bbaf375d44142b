import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Secret } from "@valet/shared";
import type { GhCommand, GhFeedEntry, GhInventory } from "@valet/contracts";
import { pino } from "pino";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { makeApp } from "./app.ts";

const key = "the-key";
let dataDir: string;
let app: ReturnType<typeof makeApp>;
let laterMs = 0;
const clock = { wallMs: () => Date.now() + laterMs, monoMs: () => performance.now() + laterMs };

const boot = () =>
  makeApp({
    serviceSecret: new Secret(key),
    dataDir,
    generation: 3,
    version: "v9",
    imageDigest: `sha256:${"a".repeat(64)}`,
    leaseMs: 300_000,
    bootId: randomUUID(),
    clock,
    logger: pino({ level: "silent" }),
  });
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "gh-api-"));
});
beforeEach(() => {
  app = boot();
});
afterAll(() => rm(dataDir, { recursive: true, force: true }));

const call = (path: string, init: RequestInit = {}) =>
  Promise.resolve(app.request(path, { ...init, headers: { "x-gh-service-key": key, ...init.headers } }));
const post = (path: string, body: unknown) =>
  call(path, { method: "POST", body: typeof body === "string" ? body : JSON.stringify(body) });
const read = async (response: Response | Promise<Response>) =>
  (await (await response).json()) as Record<string, never> & Record<string, unknown>;

const job = (more: object = {}) => ({
  valet_task_id: randomUUID(),
  idempotency_key: randomUUID(),
  steps: [{ action: "goto", url: "https://example.com/" }],
  ...more,
});
const inventory = (more: Partial<GhInventory> = {}): GhInventory => ({
  worker_id: "w1",
  target_worker_id: null,
  boot_id: "boot-1",
  generation: 3,
  image_tag: "v9",
  image_digest: `sha256:${"a".repeat(64)}`,
  wire: { min: 1, max: 1 },
  max_concurrent: 2,
  accepting: true,
  draining: false,
  spare: "none",
  spare_error: null,
  slots: [],
  jobs: [],
  jobs_completed: 0,
  jobs_failed: 0,
  uptime_seconds: 1,
  ...more,
});
const poll = async (after = 0, bootId = "boot-1") =>
  (await read(call(`/internal/workers/w1/commands?boot_id=${bootId}&after=${after}&wait_ms=0`))) as unknown as {
    commands: GhCommand[];
    cursor: number;
  };
const event = (jobId: string, taskId: string, seq: number, type: string, data: object = {}): GhFeedEntry => ({
  kind: "event",
  job_id: jobId,
  valet_task_id: taskId,
  lease_id: "lease-1",
  event: { fence: 1, seq, type: type as "finished", at: new Date().toISOString(), data: { ...data } },
});

describe("the door", () => {
  it("answers /health without a key and nothing else", async () => {
    const health = await app.request("/health");
    expect(await health.json()).toMatchObject({ status: "ok", service: "ghosthands", version: "v9", generation: 3 });
    for (const path of ["/api/v1/gh/jobs", "/monitoring/workers", "/internal/workers/w1/commands", "/nothing"]) {
      expect((await app.request(path)).status).toBe(401);
      expect((await app.request(path, { headers: { "x-gh-service-key": "wrong" } })).status).toBe(401);
      expect((await app.request(path, { headers: { "x-gh-service-key": `${key}x` } })).status).toBe(401);
    }
    expect((await call("/nothing")).status).toBe(404);
    expect((await read(call("/openapi.json"))).openapi).toBe("3.1.0");
  });
});

describe("jobs", () => {
  it("takes a job, shows it, and says so when it is handed in twice", async () => {
    const body = job();
    const first = await post("/api/v1/gh/jobs", body);
    expect(first.status).toBe(201);
    const created = await read(first);
    expect(created).toMatchObject({ valet_task_id: body.valet_task_id, status: "pending" });
    const again = await post("/api/v1/gh/jobs", body);
    expect(again.status).toBe(409);
    expect(await read(again)).toEqual({ ...created, duplicate: true });
    expect(await read(call(`/api/v1/gh/jobs/${String(created.job_id)}`))).toMatchObject({
      status: "pending",
      fence: null,
    });
    expect(await read(call("/api/v1/gh/jobs?status=pending"))).toMatchObject({ count: 1 });
    expect((await call("/api/v1/gh/jobs?status=strange")).status).toBe(422);
    expect((await call("/api/v1/gh/jobs?limit=0")).status).toBe(422);
    for (const path of ["", "/events"]) expect((await call(`/api/v1/gh/jobs/unknown${path}`)).status).toBe(404);
    for (const verb of ["cancel", "retry"])
      expect((await call(`/api/v1/gh/jobs/unknown/${verb}`, { method: "POST" })).status).toBe(404);
    expect((await call(`/api/v1/gh/jobs/${String(created.job_id)}/retry`, { method: "POST" })).status).toBe(409);
  });

  it.each([
    ["not JSON", "{", 400, undefined],
    ["nothing", "", 400, undefined],
    ["a list", [], 422, "(body)"],
    ["no steps", { valet_task_id: randomUUID(), idempotency_key: "k" }, 422, "steps"],
    ["empty steps", job({ steps: [] }), 422, "steps"],
    ["501 steps", job({ steps: Array.from({ length: 501 }, () => ({ action: "screenshot" })) }), 422, "steps"],
    ["a task id that is no id", job({ valet_task_id: "7" }), 422, "valet_task_id"],
    ["an empty key", job({ idempotency_key: "" }), 422, "idempotency_key"],
    ["an unknown action", job({ steps: [{ action: "evaluate", script: "1" }] }), 422, "steps.0.action"],
    ["a step without its selector", job({ steps: [{ action: "click" }] }), 422, "steps.0.selector"],
    ["an unknown field in a step", job({ steps: [{ action: "click", selector: "a", x: 1 }] }), 422, "steps.0"],
    ["an address that is none", job({ steps: [{ action: "goto", url: "nowhere" }] }), 422, "steps.0.url"],
    ["a timeout too short", job({ timeout_ms: 1 }), 422, "timeout_ms"],
    ["a timeout of the wrong type", job({ timeout_ms: "1000" }), 422, "timeout_ms"],
    ["a negative slot", job({ slot: -1 }), 422, "slot"],
    ["half a lease", job({ lease: { fence: 1 } }), 422, "lease.lease_id"],
    [
      "a fence of zero",
      job({ lease: { fence: 0, lease_id: "l", renewed_wall_ms: 1, renewed_mono_ms: 1, lease_ms: 1 } }),
      422,
      "lease.fence",
    ],
    [
      "a broken file",
      job({ steps: [{ action: "upload", selector: "a", fileName: "f", contentBase64: "%" }] }),
      422,
      "steps.0.contentBase64",
    ],
  ])("refuses %s", async (_, body, status, field) => {
    const answer = await post("/api/v1/gh/jobs", body);
    expect(answer.status).toBe(status);
    const told = (await answer.json()) as {
      error: string;
      details?: { field: string; message: string; code: string }[];
    };
    if (field === undefined) return expect(told.error).toBe("malformed_json");
    expect(told.error).toBe("validation_error");
    expect(told.details?.map((detail) => detail.field)).toContain(field);
    expect(Object.keys(told.details?.[0] ?? {}).sort()).toEqual(["code", "field", "message"]);
    expect(await read(call("/api/v1/gh/jobs"))).toMatchObject({ count: 0 });
  });

  it("refuses a body of 40 MB without reading it all", async () => {
    expect(
      (await post("/api/v1/gh/jobs", JSON.stringify(job({ metadata: { x: "y".repeat(40_000_000) } })))).status,
    ).toBe(413);
  });

  it("streams events as they come, from where the reader was, to the end", async () => {
    await post("/internal/workers/register", inventory());
    const body = job();
    const jobId = String((await read(post("/api/v1/gh/jobs", body))).job_id);
    const feed = (...entries: GhFeedEntry[]) => post("/internal/workers/w1/feed", { entries });
    await feed(event(jobId, body.valet_task_id, 1, "attempt_started"));
    const stream = await call(`/api/v1/gh/jobs/${jobId}/events`);
    expect(stream.headers.get("content-type")).toContain("text/event-stream");
    await feed(event(jobId, body.valet_task_id, 2, "finished", { status: "completed", result: { a: 1 } }));
    const text = await stream.text();
    expect([...text.matchAll(/^id: (\d+)$/gm)].map((match) => match[1])).toEqual(["1", "2"]);
    const rest = await (await call(`/api/v1/gh/jobs/${jobId}/events`, { headers: { "last-event-id": "1" } })).text();
    expect([...rest.matchAll(/^event: (\w+)$/gm)].map((match) => match[1])).toEqual(["finished"]);
    expect(await read(call(`/api/v1/gh/jobs/${jobId}`))).toMatchObject({ status: "completed", result: { a: 1 } });
  });

  it("tries a failed local job again as a new job, but never one that VALET owns", async () => {
    await post("/internal/workers/register", inventory());
    const body = job();
    const jobId = String((await read(post("/api/v1/gh/jobs", body))).job_id);
    const failed = { status: "failed", result: {}, error: { code: "step_failed", message: "no" } };
    await post("/internal/workers/w1/feed", { entries: [event(jobId, body.valet_task_id, 1, "finished", failed)] });
    const retried = await call(`/api/v1/gh/jobs/${jobId}/retry`, { method: "POST" });
    expect(retried.status).toBe(201);
    expect((await read(retried)).job_id).not.toBe(jobId);
    expect((await poll()).commands.map((command) => command.type)).toEqual(["start", "start"]);

    const lease = { fence: 1, lease_id: "lease-1", renewed_wall_ms: 1, renewed_mono_ms: 1, lease_ms: 3_000 };
    const owned = job({ lease });
    const ownedId = String((await read(post("/api/v1/gh/jobs", owned))).job_id);
    await post("/internal/workers/w1/feed", { entries: [event(ownedId, owned.valet_task_id, 1, "finished", failed)] });
    const refused = await call(`/api/v1/gh/jobs/${ownedId}/retry`, { method: "POST" });
    expect(refused.status).toBe(409);
    expect(await read(refused)).toMatchObject({ error: "not_retryable" });
  });
});

describe("the link to the GH worker", () => {
  it("hands a command out until the worker says it has dealt with it", async () => {
    await post("/internal/workers/register", inventory());
    await post("/api/v1/gh/jobs", job());
    const first = await poll();
    expect(first.commands).toHaveLength(1);
    expect(await poll()).toEqual(first);
    expect((await poll(first.cursor)).commands).toEqual([]);
  });

  it("F36: a targeted worker takes the jobs that name it, and nothing of the generation's own worker", async () => {
    const targeted = inventory({
      worker_id: "abc123",
      target_worker_id: "abc123",
      boot_id: "boot-t",
      max_concurrent: 1,
    });
    const pollTargeted = async () =>
      (
        (await read(call("/internal/workers/abc123/commands?boot_id=boot-t&after=0&wait_ms=0"))) as unknown as {
          commands: GhCommand[];
        }
      ).commands;
    const mine = job({ target_worker_id: "abc123" });
    await post("/api/v1/gh/jobs", mine);
    await post("/internal/workers/register", inventory());
    await post("/api/v1/gh/commands", { commands: [{ type: "slots", owned: [0, 1], spare: false }] });
    await post("/internal/workers/register", targeted);
    await post("/api/v1/gh/jobs", job());
    await post("/api/v1/gh/commands", { commands: [{ type: "slots", owned: [0], spare: true }] });
    expect((await poll()).commands.map((command) => command.type)).toEqual(["slots", "start", "slots"]);
    const given = await pollTargeted();
    expect(given.map((command) => command.type)).toEqual(["slots", "start"]);
    expect(given[0]).toEqual({ type: "slots", owned: [0], spare: false });
    expect(given[1]).toMatchObject({ job: { valet_task_id: mine.valet_task_id } });
    const feed = await read(call("/api/v1/gh/feed?wait_ms=0"));
    expect(feed).toMatchObject({ workers: [{ worker_id: "w1" }] });
    const seen = await read(call("/monitoring/workers"));
    expect(seen.workers).toMatchObject([{ target_worker_id: null }, { target_worker_id: "abc123" }]);
  });

  it("answers a waiting poll at once", async () => {
    await post("/internal/workers/register", inventory());
    const waiting = read(call("/internal/workers/w1/commands?boot_id=boot-1&wait_ms=20000"));
    await post("/api/v1/gh/commands", { commands: [{ type: "drain" }] });
    expect((await waiting).commands).toEqual([{ type: "drain" }]);
  });

  it("sends a worker it does not know back to register, and refuses another wire", async () => {
    expect((await call("/internal/workers/w1/commands?boot_id=boot-1&wait_ms=0")).status).toBe(409);
    expect((await post("/internal/workers/w1/confirm", inventory())).status).toBe(409);
    const strange = await post("/internal/workers/register", inventory({ wire: { min: 7, max: 8 } }));
    expect(await read(strange)).toMatchObject({ error: "wire_mismatch" });
    expect(await read(post("/internal/workers/register", inventory({ wire: { min: 1, max: 2 } })))).toMatchObject({
      wire: 1,
    });
    expect((await post("/internal/workers/register", {})).status).toBe(422);
    expect((await post("/internal/workers/register", "[")).status).toBe(400);
    expect((await post("/internal/workers/w1/feed", { entries: [{ kind: "rumour" }] })).status).toBe(422);
    expect((await call("/internal/workers/w1/commands?wait_ms=0")).status).toBe(422);
  });

  it("gives the next boot of a worker the starts that its last boot never saw, and the wanted slots, and nothing else", async () => {
    const body = job();
    await post("/api/v1/gh/jobs", body); // Before any worker: it waits.
    await post("/internal/workers/register", inventory());
    await post("/api/v1/gh/commands", { commands: [{ type: "slots", owned: [1], spare: true }, { type: "drain" }] });
    expect((await poll()).commands.map((command) => command.type)).toEqual(["start", "slots", "drain"]);
    await post("/internal/workers/register", inventory({ boot_id: "boot-2" }));
    const next = await poll(0, "boot-2");
    expect(next.commands.map((command) => command.type)).toEqual(["slots", "start"]);
    expect((await call("/internal/workers/w1/commands?boot_id=boot-1&wait_ms=0")).status).toBe(409);
  });

  it("calls a job interrupted when the worker's next boot no longer knows it", async () => {
    await post("/internal/workers/register", inventory());
    const jobId = String((await read(post("/api/v1/gh/jobs", job()))).job_id);
    await poll((await poll()).cursor);
    await post("/internal/workers/register", inventory({ boot_id: "boot-2" }));
    expect(await read(call(`/api/v1/gh/jobs/${jobId}`))).toMatchObject({
      status: "interrupted",
      error: { code: "worker_restarted" },
    });
  });

  it("shows its workers, lost ones as lost", async () => {
    await post("/internal/workers/register", inventory({ jobs_completed: 4 }));
    expect(await read(call("/monitoring/workers"))).toMatchObject({
      count: 1,
      workers: [{ worker_id: "w1", status: "idle", jobs_completed: 4, current_job_id: null }],
    });
    await post("/internal/workers/w1/confirm", inventory({ draining: true }));
    expect(await read(call("/monitoring/workers"))).toMatchObject({ workers: [{ status: "draining" }] });
    laterMs += 10_001; // Ten seconds of silence, with a lease of 300 s.
    expect(await read(call("/monitoring/workers"))).toMatchObject({ workers: [{ status: "lost" }] });
  });
});

describe("the link to the sandbox worker", () => {
  it("keeps an entry until it is acknowledged, and starts over for a reader of another boot", async () => {
    await post("/internal/workers/register", inventory());
    const [jobId, taskId] = ["job-1", randomUUID()];
    const entries = [1, 2, 3].map((seq) => event(jobId, taskId, seq, "step_done"));
    await post("/internal/workers/w1/feed", { entries });
    await post("/internal/workers/w1/feed", { entries }); // Resent: nothing new.
    const all = await read(call("/api/v1/gh/feed?wait_ms=0"));
    expect(all.entries).toHaveLength(3);
    expect(all.workers).toMatchObject([{ worker_id: "w1", boot_id: "boot-1" }]);
    const on = `cursor=${String(all.cursor)}&api_boot_id=${String(all.api_boot_id)}&wait_ms=0`;
    expect((await read(call(`/api/v1/gh/feed?${on}`))).entries).toEqual([]);
    const acknowledge = { type: "acknowledge", valet_task_id: taskId, fence: 1, through_seq: 2 };
    await post("/api/v1/gh/commands", { commands: [acknowledge] });
    const rest = (await read(call("/api/v1/gh/feed?wait_ms=0"))).entries as unknown as { event: { seq: number } }[];
    expect(rest.map((entry) => entry.event.seq)).toEqual([3]);
    expect((await poll()).commands).toEqual([acknowledge]);
  });

  it("wakes the reader for an entry and for a changed inventory, and not for one that is the same", async () => {
    await post("/internal/workers/register", inventory());
    const follow = async (ms: number) => {
      const { cursor, api_boot_id } = await read(call("/api/v1/gh/feed?wait_ms=0"));
      const query = `cursor=${String(cursor)}&api_boot_id=${String(api_boot_id)}&wait_ms=${ms}`;
      const before = performance.now();
      const feed = read(call(`/api/v1/gh/feed?${query}`));
      return { feed, waitedMs: () => performance.now() - before };
    };
    const changed = await follow(20_000);
    await post("/internal/workers/w1/confirm", inventory({ spare: "ready" }));
    expect((await changed.feed).workers).toMatchObject([{ spare: "ready" }]);
    const same = await follow(150);
    await post("/internal/workers/w1/confirm", inventory({ spare: "ready", uptime_seconds: 99 }));
    await same.feed;
    expect(same.waitedMs()).toBeGreaterThan(140);
    const entry = await follow(20_000);
    await post("/internal/workers/w1/feed", { entries: [event("job-1", randomUUID(), 1, "attempt_started")] });
    expect((await entry.feed).entries).toHaveLength(1);
  });

  it("says that nobody is there to take commands", async () => {
    const refused = await post("/api/v1/gh/commands", { commands: [{ type: "drain" }] });
    expect(refused.status).toBe(503);
    expect(await read(refused)).toMatchObject({ error: "no_worker", undelivered: 1 });
    expect((await post("/api/v1/gh/commands", { commands: [{ type: "dance" }] })).status).toBe(422);
    expect((await call("/api/v1/gh/feed?cursor=-1")).status).toBe(422);
  });

  it("serves artifacts of attempts and nothing outside them", async () => {
    const task = randomUUID();
    await mkdir(join(dataDir, "artifacts", `${task}.2`), { recursive: true });
    await writeFile(join(dataDir, "artifacts", `${task}.2`, "shot.png"), "png");
    await writeFile(join(dataDir, "secret.txt"), "secret");
    const found = await call(`/api/v1/gh/artifacts/${task}/2/shot.png`);
    expect([found.status, found.headers.get("content-type"), await found.text()]).toEqual([200, "image/png", "png"]);
    for (const path of [
      `${task}/1/shot.png`,
      `${task}/2/none.png`,
      `${task}/2/..%2f..%2fsecret.txt`,
      `..%2f/2/secret.txt`,
    ])
      expect((await call(`/api/v1/gh/artifacts/${path}`)).status).toBe(404);
  });
});
