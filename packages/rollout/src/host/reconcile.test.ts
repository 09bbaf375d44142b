import type { GhWorkerStatus } from "@valet/contracts";
import { describe, expect, it } from "vitest";
import type { GenerationRecord, HostState } from "./host-state.ts";
import { isDrained, wantsDrain } from "./reconcile.ts";
import { releasesToKeep } from "./releases-to-keep.ts";

const digest = (digit: string) => `sha256:${digit.repeat(64)}`;
const record = (changes: Partial<GenerationRecord>): GenerationRecord => ({
  generation: 7,
  state: "serving",
  imageTag: "v1",
  desiredDigest: digest("1"),
  apiPort: 3200,
  workerPort: 3201,
  startedAt: "",
  reason: "",
  afterDrain: "warm",
  handsOver: false,
  warmForMs: 1000,
  warmUntilMs: null,
  ...changes,
});
const ready = { slots: [{ index: 0, state: "ready" as const }] };
const slotless = { slots: [{ index: 0, state: "closed" as const }] };

describe("whether a generation's worker shall refuse new work", () => {
  it.each([
    ["a candidate works on its probe", record({ state: "starting" }), ready, true, false],
    ["a serving one takes work", record({ state: "serving" }), ready, false, false],
    ["a serving one on a drained host does not", record({ state: "serving" }), ready, true, true],
    ["a draining one does not", record({ state: "draining" }), ready, false, true],
    [
      "one that gives way works on while it still owns slots",
      record({ state: "draining", handsOver: true }),
      ready,
      false,
      false,
    ],
    ["and no more once it owns none", record({ state: "draining", handsOver: true }), slotless, false, true],
    ["a warm one waits", record({ state: "warm" }), slotless, false, true],
  ])("%s", (_what, generation, status, isHostDraining, expected) => {
    expect(wantsDrain(generation, status, isHostDraining)).toBe(expected);
  });
});

describe("drained", () => {
  const status = (changes: Partial<GhWorkerStatus>) =>
    ({ active_jobs: 0, accepting: false, slots: [], ...changes }) as GhWorkerStatus;
  it.each([
    ["nothing runs and nothing can begin", record({}), status({}), true],
    ["a job runs", record({}), status({ active_jobs: 1 }), false],
    ["it still accepts", record({}), status({ accepting: true }), false],
    ["it still owns a slot to hand over", record({ handsOver: true }), status(ready), false],
    ["its last slot was handed over", record({ handsOver: true }), status(slotless), true],
  ])("%s", (_what, generation, told, expected) => {
    expect(isDrained(generation, told)).toBe(expected);
  });
});

describe("releases kept on disk", () => {
  it("F54: the way back is never pruned: current, previous, what lives, and what a running deploy may need", () => {
    const state = {
      current: { imageTag: "v2", digest: digest("2") },
      previous: { imageTag: "v1", digest: digest("1") },
      generations: [
        record({ desiredDigest: digest("3"), state: "warm" }),
        record({ desiredDigest: digest("9"), state: "ended" }),
      ],
      deploys: [
        {
          view: { endedAt: null, imageDigest: digest("4") },
          command: { previous_digest: digest("5") },
          before: { imageTag: "v0", digest: digest("6") },
        },
        { view: { endedAt: "2026-01-01", imageDigest: digest("8") }, command: {}, before: null },
      ],
    } as unknown as HostState;
    const kept = releasesToKeep({ state: { value: state } });
    expect([...kept].sort()).toEqual(["1", "2", "3", "4", "5", "6"].map(digest));
  });

  it("F54: the way back that the newest deploy was promised stays, also after that deploy has ended", () => {
    const ended = (kind: string, back: string) => ({
      kind,
      view: { endedAt: "2026-01-01", imageDigest: digest("8") },
      command: { previous_digest: digest(back) },
      before: null,
    });
    const deploys = [ended("deploy", "5"), ended("deploy", "6"), ended("rollback", "7")];
    const state = { current: null, previous: null, generations: [], deploys } as unknown as HostState;
    expect([...releasesToKeep({ state: { value: state } })]).toEqual([digest("6")]);
  });
});
