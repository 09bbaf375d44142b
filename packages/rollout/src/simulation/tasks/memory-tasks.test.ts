import { leaseTimes, testReport } from "@valet/shared";
import { beforeEach, describe, expect, it } from "vitest";
import { makeMemoryTasks } from "./memory-tasks.ts";
import type { MemoryTasks } from "./model.ts";

/** That it does what the database does is shown in tests/equivalence; here, that it serves the deploy engine too. */
const times = leaseTimes(30_000);
const digest = testReport().imageDigest;
let nowMs: number;
let tasks: MemoryTasks;
let sessionId: string;

beforeEach(() => {
  nowMs = 1_000_000;
  let made = 0;
  tasks = makeMemoryTasks({ clock: { now: () => nowMs }, times, ids: () => `id-${(made += 1)}` });
  tasks.addSandbox({ id: "box", name: "box", environment: "dev", capacity: 2 });
  sessionId = tasks.openSession("box").id;
  tasks.apply({ kind: "allow_release", digest, reason: "test" }, "dev");
  tasks.apply({ kind: "set_target", sandboxId: "box", generation: 1, slots: null }, "dev");
});

const heartbeat = (change: Parameters<typeof testReport>[0] = {}) =>
  tasks.applyHeartbeat({
    sandboxId: "box",
    sessionId,
    heartbeat: { generations: [testReport(change)], attempts: [], agentReachable: true },
  });
const submit = () =>
  tasks.submitTask({
    tenantId: "t",
    environment: "dev",
    spec: {
      steps: [{}],
      queueTimeoutMs: 60_000,
      priority: 0,
      placement: { labels: {} },
      retry: { maxAttempts: 3 },
      restart: "review",
    },
  });
const factsNow = () => tasks.sandboxFacts()[0];

describe("a sandbox as the deploy engine sees it", () => {
  it("shows its slots, its attempts and what a stop would cost", () => {
    heartbeat({ spareReady: true });
    submit();
    const [reservation] = tasks.reserveTasks({ limit: 5 }).reservations;
    if (!reservation) throw new Error("nothing was reserved");
    tasks.acknowledge({ sandboxId: "box", ref: reservation });
    expect(factsNow()).toMatchObject({
      sessionLive: true,
      targetGeneration: 1,
      slots: [
        { index: 0, generation: 1, state: "occupied" },
        { index: 1, generation: null, state: "offline" },
      ],
      openAttempts: [{ taskId: reservation.taskId, generation: 1, requeueable: true }],
    });
    tasks.grantPermit({ sandboxId: "box", ref: reservation, stepIndex: 0, workerBootId: "boot-1" });
    expect(factsNow()?.openAttempts[0]?.requeueable).toBe(false);
  });

  it("takes no epoch that is not newer, and no move from a state that has passed", () => {
    const claim = { kind: "claim_epoch", sandboxId: "box", epoch: 3 } as const;
    expect(tasks.allows(claim)).toBe(true);
    tasks.apply(claim, "dev");
    expect(tasks.allows(claim)).toBe(false);
    const move = { kind: "move_sandbox", sandboxId: "box", from: "active", to: "deploying", reason: "test" } as const;
    expect(tasks.allows(move)).toBe(true);
    tasks.apply(move, "dev");
    expect(tasks.allows(move)).toBe(false);
  });

  it("reserves nothing under a deploy's cordon, and goes on when it is lifted", () => {
    heartbeat({ spareReady: true });
    submit();
    const holder = { sandboxId: "box", holderKind: "deploy", holderId: "d1" } as const;
    tasks.apply({ kind: "cordon", ...holder, reason: "test" }, "dev");
    expect(tasks.reserveTasks({ limit: 5 }).reservations).toEqual([]);
    tasks.apply({ kind: "uncordon", ...holder }, "dev");
    expect(tasks.reserveTasks({ limit: 5 }).reservations).toHaveLength(1);
  });

  it("gives the target no more slots than it may have", () => {
    tasks.apply({ kind: "set_target", sandboxId: "box", generation: 1, slots: 1 }, "dev");
    heartbeat({ spareReady: true });
    const slots = [{ index: 0, state: "ready" as const }];
    heartbeat({ spareReady: true, slots });
    expect(factsNow()?.slots.map((slot) => slot.generation)).toEqual([1, null]);
    tasks.apply({ kind: "set_target", sandboxId: "box", generation: 1, slots: null }, "dev");
    heartbeat({ spareReady: true, slots });
    expect(factsNow()?.slots.map((slot) => slot.generation)).toEqual([1, 1]);
  });
});
