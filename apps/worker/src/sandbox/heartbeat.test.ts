import { err, leaseTimes, makeFakeClock, ok } from "@valet/shared";
import { describe, expect, it } from "vitest";
import { type HeldAttempt, makeAttemptBook } from "./attempt-book.ts";
import { type GenerationView, signatureOf } from "./generation-view.ts";
import { attemptsToRenew, heartbeatOf, makeHeartbeat } from "./heartbeat.ts";
import { makeRelayQueue } from "./relay-queue.ts";

const times = leaseTimes(300_000);
const nowMonoMs = 1_000_000;
const taskOf = (n: number) => `5f2f1a52-6f0a-4b8e-9a2b-00000000000${n}`;
const refOf = (n: number) => ({ taskId: taskOf(n), fence: 1, leaseId: `lease-number-${n}` });

function viewOf(jobs: number[], over: Partial<GenerationView> = {}): GenerationView {
  return {
    agent: {
      ...{ generation: 7, state: "serving", imageTag: "v1", imageDigest: null, apiPort: 1 },
      desiredDigest: `sha256:${"d".repeat(64)}`,
    },
    isReachable: true,
    apiBootId: "boot",
    confirmedAtMonoMs: nowMonoMs - 2_000,
    notReadyBeforeMonoMs: new Map(),
    inventory: {
      ...{ worker_id: "w", boot_id: "b", image_tag: "v1", image_digest: "", accepting: true, spare: "ready" },
      slots: [{ index: 0, state: "ready" }],
      confirmed_ago_ms: 0,
      jobs: jobs.map((n) => ({
        ...{ job_id: `job-${n}`, valet_task_id: taskOf(n), status: "running", fence: 1, frozen: false },
        ...{ lease_id: `lease-number-${n}`, slot: 0 },
      })),
    },
    ...over,
  };
}
function attempt(n: number, over: Partial<HeldAttempt>): HeldAttempt {
  const assignment = { ...refOf(n), attempt: 1, slot: 0, generation: 7, acknowledged: true, spec: {} };
  return {
    ...{ ref: refOf(n), assignment: assignment as unknown as HeldAttempt["assignment"], phase: "delivering" },
    ...{ jobId: null, renewed: null, sinceMonoMs: nowMonoMs - 1_000, deliveredAtMonoMs: nowMonoMs },
    ...{ isDelivering: true, cancelRequested: false },
    ...over,
  };
}
const renewed = (views: GenerationView[], held: HeldAttempt[] = [], ended: number[] = []) => {
  const book = makeAttemptBook();
  for (const one of held) book.hold(one);
  for (const n of ended) book.end(refOf(n));
  const generations = { views: () => views, isAgentReachable: () => true };
  return attemptsToRenew({ book, generations, queue: makeRelayQueue(() => 1) }, views, times, nowMonoMs).map(
    ({ taskId }) => Number(taskId.at(-1)),
  );
};

describe("attemptsToRenew", () => {
  it.each<[string, number[], number[]]>([
    ["an attempt that its GH worker confirmed 2 s ago is renewed", renewed([viewOf([1])]), [1]],
    [
      "one that was last confirmed longer ago than confirmFreshMs is not",
      renewed([viewOf([1], { confirmedAtMonoMs: nowMonoMs - times.confirmFreshMs - 1 })]),
      [],
    ],
    ["one of a GH api that does not answer is not", renewed([viewOf([1], { isReachable: false })]), []],
    ["one on its way is, although no GH worker knows it", renewed([viewOf([])], [attempt(2, {})]), [2]],
    [
      "one that could not be delivered within its deadline is not",
      renewed([viewOf([])], [attempt(2, { sinceMonoMs: nowMonoMs - times.deadlineMs })]),
      [],
    ],
    [
      "one that the GH api took and no GH worker confirms is for confirmFreshMs only",
      renewed(
        [viewOf([])],
        [
          attempt(2, { phase: "delivered", deliveredAtMonoMs: nowMonoMs - times.confirmFreshMs + 1 }),
          attempt(3, { phase: "delivered", deliveredAtMonoMs: nowMonoMs - times.confirmFreshMs }),
        ],
      ),
      [2],
    ],
    ["one whose end is stored is not, however late the inventory", renewed([viewOf([1])], [], [1]), []],
  ])("%s", (_, got, want) => expect(got).toEqual(want));
});

describe("heartbeatOf", () => {
  const beat = (view: GenerationView) => {
    const generations = { views: () => [view], isAgentReachable: () => true };
    const sources = { generations, book: makeAttemptBook(), queue: makeRelayQueue(() => 1) };
    return heartbeatOf(sources, times, { wallMs: 5, monoMs: nowMonoMs }).generations[0];
  };

  it("does not say that a slot is ready before a confirmation newer than its task's end", () => {
    const early = viewOf([], { notReadyBeforeMonoMs: new Map([[0, nowMonoMs - 1_000]]) });
    expect(beat(early)?.slots).toEqual([{ index: 0, state: "preparing" }]);
    const late = viewOf([], { notReadyBeforeMonoMs: new Map([[0, nowMonoMs - 3_000]]) });
    expect(beat(late)?.slots).toEqual([{ index: 0, state: "ready" }]);
  });

  it("reports a silent generation with what was last seen, as neither accepting nor spare ready", () => {
    expect(beat(viewOf([1], { isReachable: false }))).toMatchObject({
      reachable: false,
      accepting: false,
      spareReady: false,
      attempts: [{ ...refOf(1), confirmedAgoMs: 2_000, frozen: false }],
    });
  });

  it("says the digest that was asked for while the processes have not reported theirs", () => {
    expect(beat(viewOf([]))?.imageDigest).toBe(`sha256:${"d".repeat(64)}`);
  });
});

describe("signatureOf", () => {
  const now = { monoMs: nowMonoMs, freshMs: times.confirmFreshMs };
  const inState = (state: "preparing" | "ready" | "busy" | "closed", endedAtMonoMs?: number) => {
    const view = viewOf([], endedAtMonoMs === undefined ? {} : { notReadyBeforeMonoMs: new Map([[0, endedAtMonoMs]]) });
    for (const slot of view.inventory?.slots ?? []) slot.state = state;
    return signatureOf(view, now);
  };

  it("changes when a slot becomes ready or breaks, and not when it gets the task that the control plane gave it", () => {
    expect(inState("busy")).toBe(inState("ready"));
    expect(inState("preparing")).not.toBe(inState("ready"));
    expect(inState("closed")).not.toBe(inState("ready"));
  });

  it("changes when a slot is ready after its task's end, although nobody saw it being prepared", () => {
    const endedJustNow = inState("busy", nowMonoMs - 1_000);
    const readyLater = inState("ready", nowMonoMs - 3_000);
    expect(endedJustNow).not.toBe(readyLater);
  });

  it("changes when the GH worker falls silent", () => {
    const silent = viewOf([], { confirmedAtMonoMs: nowMonoMs - times.confirmFreshMs - 1 });
    expect(signatureOf(silent, now)).not.toBe(signatureOf(viewOf([]), now));
  });
});

describe("the heartbeats of a host", () => {
  it("keep their period, and begin it at a moment of their own after each outage, so that a fleet does not beat together", async () => {
    const clock = makeFakeClock();
    const stop = new AbortController();
    const sentAtMs: number[] = [];
    let isAway = false;
    const nothing = () => undefined;
    const heartbeat = makeHeartbeat({
      ...{ generations: { views: () => [], isAgentReachable: () => true }, book: makeAttemptBook(), clock },
      ...{ queue: makeRelayQueue(() => 1), signal: stop.signal, random: () => 0.3, onReply: nothing },
      log: { debug: nothing, info: nothing, warn: nothing, error: nothing },
      session: { ready: async () => ({ id: "s", times }), times: () => times } as never,
      api: {
        async call() {
          if (isAway) return err({ kind: "unreachable", message: "away" });
          sentAtMs.push(clock.monotonicMs());
          return ok({});
        },
      } as never,
    });
    const running = heartbeat.run();
    const pass = async (ms: number) => {
      for (let n = 0; n < ms / 100; n += 1) {
        await new Promise((resolve) => setImmediate(resolve));
        await clock.advance(100);
      }
    };
    await pass(3_000 + 2 * times.heartbeatMs);
    expect(sentAtMs).toEqual([0, 3_000, 13_000, 23_000]);
    isAway = true;
    await pass(60_000);
    isAway = false;
    await pass(20_000);
    const [back = 0, ...later] = sentAtMs.slice(4);
    expect(later.map((at) => Math.round(at - back))).toEqual([3_000, 13_000]);
    stop.abort();
    await clock.advance(1);
    await running;
  });
});
