import type { GhJobView, GhWorkerStatus } from "@valet/contracts";
import { makeFakeClock } from "@valet/shared";
import { describe, expect, it } from "vitest";
import type { GhClient } from "./gh-client.ts";
import { type VerifyOptions, type VerifyTarget, verifyGeneration } from "./verify-generation.ts";

const digest = `sha256:${"a".repeat(64)}`;
const status = (changes: Partial<GhWorkerStatus> = {}) =>
  ({ image_digest: digest, is_running: true, active_jobs: 0, spare: "ready", slots: [], ...changes }) as GhWorkerStatus;

function setUp(gh: Partial<GhClient> = {}, processes?: VerifyTarget["processes"]) {
  const clock = makeFakeClock();
  const submitted: unknown[] = [];
  const target: VerifyTarget = {
    generation: 8,
    desiredDigest: digest,
    processes: processes ?? (() => ({ running: true, restarts: [{ unit: "g8-api", count: 0 }] })),
    lastWords: () => "Error: out of luck",
    gh: {
      apiDigest: async () => ({ digest, version: "v2" }),
      workerStatus: async () => status(),
      setDraining: async () => true,
      spareError: async () => "no such file",
      submitJob: async (job) => ({ jobId: String(submitted.push(job)) }),
      readJob: async () => ({ status: "completed", error: null }) as GhJobView,
      ...gh,
    },
  };
  const run = async (changes: Partial<VerifyOptions> = {}) => {
    const options = {
      minHealthyMs: 500,
      healthyDeadlineMs: 60_000,
      probeUrl: "http://p/probe",
      signal: new AbortController().signal,
    };
    const result = verifyGeneration(target, { clock, ...options, ...changes });
    let isOver = false;
    void result.then(() => (isOver = true));
    while (!isOver) {
      await new Promise((resolve) => setImmediate(resolve));
      await clock.advance(100);
    }
    return result;
  };
  return { run, submitted, clock };
}

describe("verifying a generation", () => {
  it("takes as long as it must be healthy, then runs one task that fills, clicks and asserts", async () => {
    const { run, submitted } = setUp();
    const result = await run({ minHealthyMs: 5000 });
    expect(result).toMatchObject({ ok: true, value: { reportedDigest: digest } });
    expect(result.ok && result.value.tookMs).toBeGreaterThanOrEqual(5000);
    expect(submitted).toEqual([
      expect.objectContaining({
        probe: true,
        steps: [
          expect.objectContaining({ action: "fill" }),
          expect.objectContaining({ action: "click" }),
          expect.objectContaining({ action: "assert" }),
        ],
      }),
    ]);
  });

  it("F12: a digest other than the one asked for fails at once, whichever process reports it", async () => {
    const other = `sha256:${"b".repeat(64)}`;
    const api = await setUp({ apiDigest: async () => ({ digest: other, version: "v1" }) }).run();
    const worker = await setUp({ workerStatus: async () => status({ image_digest: other }) }).run();
    for (const result of [api, worker]) expect(result).toMatchObject({ ok: false, error: { kind: "wrong_digest" } });
  });

  it("F23: a cold start of 45 s is waited for", async () => {
    const { run, clock } = setUp({
      apiDigest: async () => (clock.monotonicMs() < 45_000 ? undefined : { digest, version: "v2" }),
    });
    expect(await run()).toMatchObject({ ok: true });
  });

  it("one that never answers fails at its deadline and says what was missing", async () => {
    const result = await setUp({ workerStatus: async () => undefined }).run({ healthyDeadlineMs: 2000 });
    expect(result).toMatchObject({ ok: false, error: { kind: "unsound" } });
    expect(!result.ok && result.error.message).toContain("GET /worker/status");
  });

  it("health that breaks starts the count anew", async () => {
    let calls = 0;
    const { run } = setUp({ apiDigest: async () => ((calls += 1) === 4 ? undefined : { digest, version: "v2" }) });
    const result = await run({ minHealthyMs: 1000 });
    expect(result.ok && result.value.tookMs).toBeGreaterThanOrEqual(1400);
  });

  it("a crash loop fails before the deadline, with the process's last words", async () => {
    const result = await setUp({}, () => ({ running: false, restarts: [{ unit: "g8-worker", count: 3 }] })).run();
    expect(result).toMatchObject({ ok: false, error: { kind: "crash_loop" } });
    expect(!result.ok && result.error.message).toContain("out of luck");
  });

  it("a browser that does not start is given three seconds, and then its own error is the reason", async () => {
    const result = await setUp({ workerStatus: async () => status({ spare: "failed" }) }).run();
    expect(result).toMatchObject({ ok: false, error: { kind: "probe_failed" } });
    expect(!result.ok && result.error.message).toContain("no such file");
    let calls = 0;
    const once = setUp({ workerStatus: async () => status({ spare: (calls += 1) < 10 ? "failed" : "ready" }) });
    expect(await once.run()).toMatchObject({ ok: true });
  });

  it("a task that fails, or an api that refuses it, fails the verification with its words", async () => {
    const failed = { status: "failed", error: { code: "step", message: "no #word" } } as GhJobView;
    const job = await setUp({ readJob: async () => failed }).run();
    expect(!job.ok && job.error.message).toContain("failed: no #word");
    const refused = await setUp({ submitJob: async () => ({ error: "the GH api answered 500" }) }).run();
    expect(!refused.ok && refused.error.message).toContain("answered 500");
  });

  it("called off, it stops", async () => {
    const off = new AbortController();
    off.abort();
    expect(await setUp().run({ signal: off.signal })).toMatchObject({ ok: false, error: { kind: "cancelled" } });
  });
});
