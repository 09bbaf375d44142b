import { testDigest } from "@valet/shared";
import type { EventInput, Reservation } from "@valet/shared";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { analysisSamples } from "./analysis-samples.ts";
import type { AnalysisSampleArm, AnalysisSamples, AnalysisSamplesQuery } from "./analysis-samples.ts";
import { completeAttempt } from "./tasks/complete.ts";
import { recordEvents } from "./tasks/record-events.ts";
import { makeTestFleet } from "./test-fleet.ts";
import type { TestFleet, TestSandbox } from "./test-fleet.ts";
import { createTestDatabase } from "./testing.ts";
import type { TestDatabase } from "./testing.ts";

let test: TestDatabase;
let fleet: TestFleet;
let canaryBox: TestSandbox;
let controlBox: TestSandbox;
const canaryDigest = testDigest("c");
const controlDigest = testDigest("a");
const longAgo = new Date(0);

beforeAll(async () => {
  test = await createTestDatabase();
});
afterAll(() => test.drop());
beforeEach(async () => {
  await test.db.query(
    "TRUNCATE tasks, attempts, slots, sandboxes, sessions, task_events, live_events, permits CASCADE",
  );
  fleet = makeTestFleet(test.db);
  canaryBox = await fleet.addSandbox({ capacity: 8, digest: canaryDigest });
  controlBox = await fleet.addSandbox({ capacity: 8, digest: controlDigest });
});

/** As many tasks running, each on the sandbox asked for. */
async function run(box: TestSandbox, count: number): Promise<Reservation[]> {
  for (let index = 0; index < count; index++) {
    await fleet.submit({ spec: { placement: { labels: {}, sandboxId: box.id } } });
  }
  return fleet.run(count);
}

type Status = "completed" | "failed" | "timed_out" | "interrupted" | "lost" | "cancelled";
const end = (box: TestSandbox, ref: Reservation, status: Status) =>
  test.db.tx((tx) => completeAttempt(tx, box.id, { ...ref, status, reason: "test" }));

async function samples(change: Partial<AnalysisSamplesQuery> = {}): Promise<AnalysisSamples> {
  const query = { environment: "dev", service: "ghosthands", canaryDigest, controlDigest, since: longAgo } as const;
  const read = await analysisSamples(test.db, { ...query, ...change });
  if ("error" in read) throw new Error(read.error);
  return read;
}

const outcomes = (arm: AnalysisSamples["control"]): string[] =>
  "absent" in arm ? [arm.absent] : arm.attempts.map((attempt) => attempt.outcome).sort();

describe("the samples of a canary analysis", () => {
  it("counts completed as good, and failed, timed out, interrupted and lost as bad", async () => {
    const statuses = ["completed", "failed", "timed_out", "interrupted", "lost", "cancelled"] as const;
    const refs = { canary: await run(canaryBox, 7), control: await run(controlBox, 7) };
    for (const [index, status] of statuses.entries()) {
      await end(canaryBox, refs.canary[index] as Reservation, status);
      await end(controlBox, refs.control[index] as Reservation, status);
    }
    const { canary, control } = await samples();
    expect(outcomes(canary)).toEqual(["bad", "bad", "bad", "bad", "good", "running"]);
    expect(outcomes(control)).toEqual(outcomes(canary));
    const [first] = canary.attempts;
    expect(first?.startedAt).toBeGreaterThan(Date.now() - 60_000);
    expect(canary.attempts.every((attempt) => attempt.durationMs >= 0 && attempt.durationMs < 60_000)).toBe(true);
  });

  it("leaves out what started before, what another environment ran, and what no one acknowledged", async () => {
    const [before] = await run(canaryBox, 1);
    const { rows } = await test.db.query<{ now: Date }>("SELECT clock_timestamp() AS now");
    const since = rows[0]?.now ?? longAgo;
    await run(canaryBox, 1);
    await end(canaryBox, before as Reservation, "failed");
    await fleet.submit({ spec: { placement: { labels: {}, sandboxId: canaryBox.id } } });
    await fleet.reserve();
    expect(outcomes((await samples({ since })).canary)).toEqual(["running"]);
    expect(outcomes((await samples({ environment: "staging" })).canary)).toEqual([]);
  });

  it("counts each task by its first attempt only: retries would carry one arm's failures into the other", async () => {
    const [first] = (await run(canaryBox, 1)) as [Reservation];
    await end(canaryBox, first, "failed");
    expect(await fleet.run()).toHaveLength(1);
    expect(outcomes((await samples()).canary)).toEqual(["bad"]);
  });

  it("leaves out what the client cancelled, and what the GH worker declined", async () => {
    const [cancelled, declined, died] = (await run(canaryBox, 3)) as [Reservation, Reservation, Reservation];
    await test.db.query("UPDATE tasks SET cancel_requested = true WHERE id = $1", [cancelled.taskId]);
    await end(canaryBox, cancelled, "failed");
    await finish(declined, "worker_draining");
    await finish(died, "browser_died");
    expect(outcomes((await samples()).canary)).toEqual(["bad"]);
  });

  it("leaves out control attempts that our own deploy broke off, and keeps those on a host nobody changes", async () => {
    const [onMoved] = (await run(controlBox, 1)) as [Reservation];
    await end(controlBox, onMoved, "interrupted");
    expect(outcomes((await samples()).control)).toEqual(["bad"]);
    await test.db.query("UPDATE generations SET state = 'ended' WHERE sandbox_id = $1", [controlBox.id]);
    expect(outcomes((await samples()).control)).toEqual(["bad"]);
    await test.db.query(
      `INSERT INTO generations (sandbox_id, number, state, image_tag, image_digest) VALUES ($1, 2, 'serving', 'v2', $2)`,
      [controlBox.id, canaryDigest],
    );
    expect(outcomes((await samples()).control)).toEqual(["no_host_left"]);
  });

  it("keeps a canary's bad ends although its generation is gone: a release that kills its host does not look clean", async () => {
    const [ref] = (await run(canaryBox, 1)) as [Reservation];
    await end(canaryBox, ref, "lost");
    await test.db.query("UPDATE generations SET state = 'ended' WHERE sandbox_id = $1", [canaryBox.id]);
    expect(outcomes((await samples()).canary)).toEqual(["bad"]);
  });

  it("says when there is no control: first deploy, same release, no host left", async () => {
    expect(await samples({ controlDigest: null })).toMatchObject({ control: { absent: "no_previous_release" } });
    expect(await samples({ controlDigest: canaryDigest })).toMatchObject({ control: { absent: "same_release" } });
    expect(await samples({ controlDigest: testDigest("f") })).toMatchObject({ control: { absent: "no_host_left" } });
    expect(await samples()).toMatchObject({ control: { attempts: [] } satisfies Partial<AnalysisSampleArm> });
  });

  it("takes the first so many of each arm, and answers for ghosthands only", async () => {
    const refs = await run(canaryBox, 4);
    await end(canaryBox, refs[0] as Reservation, "completed");
    expect((await samples({ limit: 2 })).canary.attempts).toHaveLength(2);
    const other = { environment: "dev", service: "agent", canaryDigest, controlDigest, since: longAgo } as const;
    expect(await analysisSamples(test.db, other)).toEqual({ error: "tasks do not tell which agent they ran on" });
  });
});

function finish(ref: Reservation, code: string): Promise<unknown> {
  const event: EventInput = {
    taskId: ref.taskId,
    fence: ref.fence,
    leaseId: ref.leaseId,
    seq: 1,
    type: "finished",
    data: { status: "interrupted", error: { code, message: code } },
    at: new Date().toISOString(),
  };
  return test.db.tx((tx) => recordEvents(tx, { sandboxId: canaryBox.id, events: [event], times: fleet.times }));
}
