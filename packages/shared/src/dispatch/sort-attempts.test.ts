import { describe, expect, it } from "vitest";
import { sortAttempts } from "./sort-attempts.ts";
import type { OpenAttempt } from "./sort-attempts.ts";
import { testReport } from "./test-report.ts";

const attempt = (change: Partial<OpenAttempt> = {}): OpenAttempt => ({
  taskId: "t1",
  fence: 1,
  leaseId: "lease-1",
  generation: 1,
  workerBootId: "boot-1",
  isAcknowledged: true,
  cancelRequested: false,
  ...change,
});
const ref = { taskId: "t1", fence: 1, leaseId: "lease-1" };
const confirmed = { ...ref, confirmedAgoMs: 0, frozen: false };
const known = (bootSeenMs: number) => [{ number: 1, bootSeenMs }];
const proofMs = 1_000;

describe("a host's inventory against the open attempts", () => {
  it("renews what the host lists, and only what was acknowledged", () => {
    const heartbeat = { generations: [], attempts: [ref], agentReachable: true };
    expect(sortAttempts([attempt()], heartbeat, [], proofMs).renew).toHaveLength(1);
    expect(sortAttempts([attempt({ isAcknowledged: false })], heartbeat, [], proofMs).renew).toEqual([]);
    expect(sortAttempts([attempt({ leaseId: "other" })], heartbeat, [], proofMs)).toMatchObject({
      renew: [],
      foreign: [ref],
    });
  });

  it("learns under which boot an attempt runs", () => {
    const generations = [testReport({ workerBootId: "boot-2", attempts: [confirmed] })];
    const heartbeat = { generations, attempts: [], agentReachable: true };
    expect(sortAttempts([attempt()], heartbeat, known(0), proofMs).boots).toEqual([{ ...ref, workerBootId: "boot-2" }]);
  });

  const newer = testReport({ workerBootId: "boot-2" });
  it.each([
    ["a newer boot that has been seen long enough omits it: dead", newer, proofMs, [], true, 1],
    ["but not at once: its spool may still tell the end", newer, proofMs - 1, [], true, 0],
    ["nor while it is on its way to that boot", newer, proofMs, [ref], true, 0],
    ["the same boot omits it: it was just started or just ended", testReport(), proofMs, [], true, 0],
    [
      "F06: one that does not answer proves nothing",
      testReport({ reachable: false, workerBootId: null }),
      proofMs,
      [],
      true,
      0,
    ],
    ["a generation the agent saw end: dead", testReport({ state: "ended", reachable: false }), proofMs, [], true, 1],
    [
      "unless the agent itself cannot be asked",
      testReport({ state: "ended", reachable: false }),
      proofMs,
      [],
      false,
      0,
    ],
  ] as const)("%s", (_name, report, seenMs, attempts, agentReachable, dead) => {
    const heartbeat = { generations: [report], attempts, agentReachable };
    expect(sortAttempts([attempt()], heartbeat, known(seenMs), proofMs).dead).toHaveLength(dead);
  });

  it("proves nothing about an attempt whose boot was never known, or of another generation", () => {
    const heartbeat = { generations: [newer], attempts: [], agentReachable: true };
    expect(sortAttempts([attempt({ workerBootId: null })], heartbeat, known(proofMs), proofMs).dead).toEqual([]);
    expect(sortAttempts([attempt({ generation: 2 })], heartbeat, known(proofMs), proofMs).dead).toEqual([]);
  });
});
