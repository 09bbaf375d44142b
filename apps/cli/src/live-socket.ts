import { type LiveEvent, liveCloseCodes, liveEventSchema } from "@valet/contracts";
import { WebSocket } from "ws";
import type { CliContext } from "./context.ts";

const firstRetryMs = 250;
const lastRetryMs = 10_000;
/** Nothing is sent on a quiet system: the connection is asked for a sign of life, and dropped when it gives none. */
const aliveMs = 20_000;

export interface LiveSocket {
  /** False while disconnected: then whoever follows something polls. */
  isLive(): boolean;
  close(): void;
}

/** Live events of the API; after a lost connection it resumes behind the last event it saw, for as long as it is open. */
export function openLiveSocket(context: CliContext, onEvent: (event: LiveEvent) => void): LiveSocket {
  const { apiUrl, token } = context.config();
  const address = `${apiUrl.replace(/^http/, "ws")}/api/v1/ws`;
  let socket: WebSocket | undefined;
  let lastEventId: number | undefined;
  let retryMs = firstRetryMs;
  let isClosed = false;
  let timer: NodeJS.Timeout | undefined;

  const connect = () => {
    const current = new WebSocket(address, { handshakeTimeout: aliveMs });
    socket = current;
    let isAlive = true;
    const pulse = setInterval(() => {
      if (!isAlive) return current.terminate();
      isAlive = false;
      if (current.readyState === WebSocket.OPEN) current.ping();
    }, aliveMs);
    current.on("pong", () => {
      isAlive = true;
    });
    current.on("open", () => {
      current.send(JSON.stringify({ type: "auth", token: token?.reveal() ?? "", lastEventId }));
    });
    current.on("message", (data) => {
      isAlive = true;
      retryMs = firstRetryMs;
      const event = eventOf(String(data));
      if (!event) return;
      lastEventId = Math.max(lastEventId ?? 0, event.eventId);
      onEvent(event);
    });
    // "close" follows, and says all that is needed: the follower polls meanwhile.
    current.on("error", () => current.terminate());
    current.on("close", (code) => {
      clearInterval(pulse);
      if (isClosed || code === liveCloseCodes.badToken) return;
      timer = setTimeout(connect, retryMs);
      retryMs = Math.min(retryMs * 2, lastRetryMs);
    });
  };
  connect();
  return {
    isLive: () => socket?.readyState === WebSocket.OPEN,
    close: () => {
      isClosed = true;
      clearTimeout(timer);
      socket?.terminate();
    },
  };
}

/** null: not an event this version knows (a newer API's, or the greeting). */
function eventOf(text: string): LiveEvent | null {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    if (cause instanceof SyntaxError) return null;
    throw cause;
  }
  const parsed = liveEventSchema.safeParse(json);
  return parsed.success ? parsed.data : null;
}
