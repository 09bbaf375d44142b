import type { Socket } from "../live/connection.ts";

export interface FakeSocket extends Socket {
  sent: unknown[];
  isClosed: boolean;
}

/** A socket that a test opens, feeds and breaks by calling its handlers. */
export function makeFakeSocket(): FakeSocket {
  const socket: FakeSocket = {
    sent: [],
    isClosed: false,
    send: (text) => void socket.sent.push(JSON.parse(text)),
    close: () => {
      socket.isClosed = true;
    },
    onopen: null,
    onmessage: null,
    onclose: null,
    onerror: null,
  };
  return socket;
}
