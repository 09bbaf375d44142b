import { expect, it } from "vitest";
import { makeEventParser, type SentEvent } from "./server-sent-events.ts";

it("reads the same events however the network cuts the stream", () => {
  const text = 'id: 1\nevent: step_started\ndata: {"a":1}\n\n: pulse\n\nid: 2\r\ndata: one\r\ndata: two\r\n\r\n';
  const whole: SentEvent[] = [
    { id: "1", type: "step_started", data: '{"a":1}' },
    { id: "2", type: "message", data: "one\ntwo" },
  ];
  for (let size = 1; size <= text.length; size += 1) {
    const events: SentEvent[] = [];
    const parse = makeEventParser((event) => events.push(event));
    for (let at = 0; at < text.length; at += size) parse(text.slice(at, at + size));
    expect(events, `pieces of ${size}`).toEqual(whole);
  }
});

it("keeps back an event that is not whole yet", () => {
  const events: SentEvent[] = [];
  makeEventParser((event) => events.push(event))("id: 1\ndata: x\n");
  expect(events).toEqual([]);
});
