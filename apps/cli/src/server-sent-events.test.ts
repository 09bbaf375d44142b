import { expect, it } from "vitest";
import { serverSentEvents } from "./server-sent-events.ts";

async function parse(chunks: string[]) {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(new TextEncoder().encode(chunk));
      controller.close();
    },
  });
  const events = [];
  for await (const event of serverSentEvents(body)) events.push(event);
  return events;
}

it("reads id, event and data, however the bytes are cut", async () => {
  const text = 'id: 7\nevent: step_done\ndata: {"a":1}\n\n: pulse\n\ndata: x\ndata: y\n\n';
  const expected = [
    { id: "7", event: "step_done", data: '{"a":1}' },
    { id: null, event: "message", data: "x\ny" },
  ];
  expect(await parse([text])).toEqual(expected);
  expect(await parse([...text])).toEqual(expected);
  expect(await parse([text.replaceAll("\n", "\r\n")])).toEqual(expected);
});

it("drops an event that was cut off", async () => {
  expect(await parse(["data: whole\n\ndata: ha"])).toEqual([{ id: null, event: "message", data: "whole" }]);
});
