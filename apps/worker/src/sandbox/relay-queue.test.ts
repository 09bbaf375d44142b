import type { SessionEvent } from "@valet/contracts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Relayed, makeRelayQueue } from "./relay-queue.ts";

const taskId = "5f2f1a52-6f0a-4b8e-9a2b-3f6f6b1f7d01";
const relayed = (seq: number, over: Partial<Relayed> = {}, event: Partial<SessionEvent> = {}): Relayed => ({
  event: {
    taskId,
    leaseId: "lease-one",
    fence: 1,
    seq,
    type: "step_done",
    at: "2026-01-01T00:00:00Z",
    data: {},
    ...event,
  },
  generation: 7,
  isCleared: true,
  isPlaceholder: false,
  ...over,
});
const seqs = (list: Relayed[]) => list.map(({ event }) => event.seq);
const accept = (throughSeq: number) => ({ accepted: [{ taskId, fence: 1, throughSeq }], stale: [] });

describe("the relay queue", () => {
  it("gives an attempt's entries in the order of its journal, whatever order they came in", () => {
    const queue = makeRelayQueue(() => 100);
    for (const seq of [2, 1, 3]) queue.add(relayed(seq));
    expect(seqs(queue.ready(500, 0))).toEqual([1, 2, 3]);
    expect(seqs(queue.ready(2, 0))).toEqual([1, 2]);
  });

  it("keeps entries until they are stored, and takes a known one once", () => {
    const queue = makeRelayQueue(() => 100);
    expect(queue.add(relayed(1))).toBe(true);
    expect(queue.add(relayed(1))).toBe(false);
    expect(seqs(queue.ready(500, 0))).toEqual([1]);
    expect(seqs(queue.ready(500, 0))).toEqual([1]);
    const { forgotten } = queue.settle(queue.ready(500, 0), accept(1));
    expect(forgotten).toEqual([{ generation: 7, taskId, fence: 1, throughSeq: 1 }]);
    expect(queue.size()).toBe(0);
  });

  it("holds everything behind an entry whose evidence is not stored yet", () => {
    const queue = makeRelayQueue(() => 100);
    const screenshot = relayed(2, { isCleared: false });
    for (const item of [relayed(1), screenshot, relayed(3)]) queue.add(item);
    expect(seqs(queue.ready(500, 0))).toEqual([1]);
    screenshot.isCleared = true;
    expect(seqs(queue.ready(500, 0))).toEqual([1, 2, 3]);
  });

  it("waits for a missing entry, and goes on without it in the end", () => {
    const queue = makeRelayQueue(() => 100);
    queue.add(relayed(1));
    queue.settle(queue.ready(500, 0), accept(1));
    queue.add(relayed(3));
    expect(queue.ready(500, 1_000)).toEqual([]);
    expect(queue.gapEndsInMs(1_040)).toBe(60);
    expect(seqs(queue.ready(500, 1_100))).toEqual([3]);
  });

  it("starts in the middle of a journal whose beginning an earlier process has stored", () => {
    const queue = makeRelayQueue(() => 100);
    queue.add(relayed(8));
    expect(seqs(queue.ready(500, 0))).toEqual([8]);
  });

  it("says which attempts ended when their last entry was stored, not before", () => {
    const queue = makeRelayQueue(() => 100);
    queue.add(relayed(1));
    queue.add(relayed(2, {}, { type: "finished" }));
    const batch = queue.ready(500, 0);
    expect(queue.settle(batch, accept(1)).ended).toEqual([]);
    expect(queue.settle(queue.ready(500, 0), accept(2)).ended).toEqual([{ taskId, fence: 1, leaseId: "lease-one" }]);
  });

  it("names the attempts of a generation that still have entries on their way", () => {
    const queue = makeRelayQueue(() => 100);
    queue.add(relayed(1));
    queue.add(relayed(1, { generation: null }, { fence: 2 }));
    expect(queue.relaying(7).map(({ fence }) => fence)).toEqual([1]);
    expect(queue.relaying(8)).toEqual([]);
  });

  it("loses nothing and reorders nothing, however the answers fall", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 60 }), (rounds) => {
        const queue = makeRelayQueue(() => 100);
        const stored: number[] = [];
        let next = 1;
        for (const [round, choice] of rounds.entries()) {
          for (let added = 0; added < choice; added += 1) queue.add(relayed(next++));
          const batch = queue.ready(3, round);
          // Every other answer is lost after the API stored the batch.
          stored.push(...seqs(batch));
          const last = batch.at(-1)?.event.seq;
          if (last !== undefined && round % 2 === 0) queue.settle(batch, accept(last));
        }
        for (let batch = queue.ready(3, 0); batch.length > 0; batch = queue.ready(3, 0)) {
          stored.push(...seqs(batch));
          queue.settle(batch, accept(batch.at(-1)?.event.seq ?? 0));
        }
        const firstTimes = [...new Set(stored)];
        expect(firstTimes).toEqual(Array.from({ length: next - 1 }, (_, index) => index + 1));
      }),
      { numRuns: 200, seed: 7 },
    );
  });
});
