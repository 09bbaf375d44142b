import type { TaskEvent } from "@valet/contracts";
import { makeFakeClock } from "@valet/shared";
import { describe, expect, it } from "vitest";
import { followTaskEvents, mergeEvents, type StreamState } from "./task-event-stream.ts";

const event = (seq: number, fence = 1): TaskEvent => ({
  fence,
  seq,
  type: "step_done",
  at: "2026-03-01T12:00:00Z",
  data: { stepIndex: seq },
});
const sent = (id: number, what: unknown) => `id: ${id}\nevent: step_done\ndata: ${JSON.stringify(what)}\n\n`;

describe("followTaskEvents", () => {
  it("goes on from the last event after a break, and ends with the task", async () => {
    const clock = makeFakeClock();
    const cursors: (string | undefined)[] = [];
    const states: StreamState["phase"][] = [];
    let events: TaskEvent[] = [];
    const answers = [sent(8, event(1)) + sent(9, event(2)), new Error("cut"), sent(10, event(3))];
    const taskEvents = async (input: { headers?: Record<string, string> }) => {
      cursors.push(input.headers?.["last-event-id"]);
      const answer = answers.shift();
      if (answer instanceof Error) throw answer;
      return new Response(answer);
    };
    const following = followTaskEvents(
      {
        api: { taskEvents },
        clock,
        random: () => 1,
        isOver: () => answers.length === 0,
        onEvents: (more) => (events = mergeEvents(events, more)),
        onState: (state) => states.push(state.phase),
      },
      "t1",
      new AbortController().signal,
    );
    for (let wait = 0; wait < 8; wait += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      await clock.advance(2_000);
    }
    await following;
    expect(cursors).toEqual([undefined, "9", "9"]);
    expect(events.map(({ seq }) => seq)).toEqual([1, 2, 3]);
    expect(states).toEqual(["live", "broken", "live", "ended"]);
  });

  it("skips an event type of a newer API instead of failing", async () => {
    const events: TaskEvent[] = [];
    await followTaskEvents(
      {
        api: { taskEvents: async () => new Response(sent(1, { ...event(1), type: "levitated" }) + sent(2, event(2))) },
        clock: makeFakeClock(),
        random: () => 1,
        isOver: () => true,
        onEvents: (more) => events.push(...more),
        onState: () => undefined,
      },
      "t1",
      new AbortController().signal,
    );
    expect(events.map(({ seq }) => seq)).toEqual([2]);
  });
});

describe("mergeEvents", () => {
  it("orders by fence, then by place in the attempt, and takes each event once", () => {
    const merged = mergeEvents([event(2), event(1, 2)], [event(1), event(2)]);
    expect(merged.map(({ fence, seq }) => `${fence}.${seq}`)).toEqual(["1.1", "1.2", "2.1"]);
  });

  it("keeps the very list when nothing is new, so that nothing is drawn again", () => {
    const before = [event(1)];
    expect(mergeEvents(before, [event(1)])).toBe(before);
  });
});
