import type { LiveEvent } from "@valet/contracts";
import { makeFakeClock } from "@valet/shared";
import { describe, expect, it } from "vitest";
import { makeFakeSocket, type FakeSocket } from "../testing/fake-socket.ts";
import { makeLiveConnection } from "./connection.ts";
import type { ConnectionState } from "./connection-state.ts";

function connect(token: string | null = null) {
  const clock = makeFakeClock();
  const sockets: FakeSocket[] = [];
  const events: LiveEvent[] = [];
  const states: ConnectionState["phase"][] = [];
  let gaps = 0;
  const connection = makeLiveConnection(
    { open: () => sockets[sockets.push(makeFakeSocket()) - 1] as FakeSocket, clock, random: () => 1 },
    {
      url: "ws://api.test",
      token: () => token,
      onEvent: (event) => events.push(event),
      onGap: () => void (gaps += 1),
      onState: (state) => states.push(state.phase),
    },
  );
  connection.start();
  const newest = () => sockets.at(-1) as FakeSocket;
  const say = (event: LiveEvent) => newest().onmessage?.({ data: JSON.stringify(event) });
  return { clock, sockets, events, states, connection, newest, say, gapCount: () => gaps };
}

const update = (eventId: number): LiveEvent => ({ type: "sandbox_update", eventId, sandboxId: "s", status: "active" });

describe("the live connection", () => {
  it("asks for what it missed after a break, from the last event it had", async () => {
    const { clock, sockets, newest, say } = connect();
    newest().onopen?.();
    say(update(41));
    newest().onclose?.({ code: 1006 });
    await clock.advance(1_000);
    expect(sockets).toHaveLength(2);
    newest().onopen?.();
    expect(newest().sent).toEqual([{ type: "resume", lastEventId: 41 }]);
  });

  it("signs in with its first message when it has a token, and resumes with the same one", async () => {
    const { clock, newest, say } = connect("secret");
    newest().onopen?.();
    expect(newest().sent).toEqual([{ type: "auth", token: "secret" }]);
    say(update(7));
    newest().onclose?.({ code: 1006 });
    await clock.advance(1_000);
    newest().onopen?.();
    expect(newest().sent).toEqual([{ type: "auth", token: "secret", lastEventId: 7 }]);
  });

  it("passes on a smaller id that comes after a larger one: ids follow commits, not size", () => {
    const { events, newest, say } = connect();
    newest().onopen?.();
    say(update(12));
    say(update(11));
    expect(events.map((event) => event.eventId)).toEqual([12, 11]);
  });

  it("has everything loaded afresh when it opens with nothing to resume from, and after a reset", async () => {
    const { clock, newest, say, gapCount } = connect();
    newest().onopen?.();
    expect(gapCount()).toBe(1);
    say({ type: "reset", eventId: 0 });
    newest().onclose?.({ code: 1006 });
    await clock.advance(1_000);
    newest().onopen?.();
    expect(newest().sent).toEqual([]);
    expect(gapCount()).toBe(2);
  });

  it("waits longer after each failure, up to 15 s, and starts small again once it was open", async () => {
    const { clock, sockets, newest } = connect();
    const waits: number[] = [];
    for (let round = 0; round < 7; round += 1) {
      const before = sockets.length;
      newest().onclose?.({ code: 1006 });
      let waitedMs = 0;
      while (sockets.length === before) {
        await clock.advance(500);
        waitedMs += 500;
      }
      waits.push(waitedMs);
    }
    expect(waits).toEqual([500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000]);
    newest().onopen?.();
    newest().onclose?.({ code: 1006 });
    const before = sockets.length;
    await clock.advance(500);
    expect(sockets.length).toBe(before + 1);
  });

  it("does not come back after a bad token", async () => {
    const { clock, sockets, states, newest } = connect("wrong");
    newest().onopen?.();
    newest().onclose?.({ code: 4001 });
    await clock.advance(60_000);
    expect(sockets).toHaveLength(1);
    expect(states.at(-1)).toBe("denied");
  });

  it("gives up on a socket that never opens, and tries again at once when asked to", async () => {
    const { clock, sockets, states, connection } = connect();
    await clock.advance(10_000);
    expect(states.at(-1)).toBe("waiting");
    expect(sockets[0]?.isClosed).toBe(true);
    connection.retryNow();
    expect(sockets).toHaveLength(2);
  });

  it("ignores what it does not understand", () => {
    const { events, newest } = connect();
    newest().onopen?.();
    newest().onmessage?.({ data: "{" });
    newest().onmessage?.({ data: '{"type":"pong"}' });
    newest().onmessage?.({ data: '{"type":"from_the_future","eventId":3}' });
    expect(events).toEqual([]);
  });

  it("leaves nothing behind when it is stopped", async () => {
    const { clock, sockets, newest, connection } = connect();
    newest().onopen?.();
    connection.stop();
    expect(newest().isClosed).toBe(true);
    await clock.advance(120_000);
    expect(sockets).toHaveLength(1);
    expect(clock.sleepers()).toBe(0);
  });
});
