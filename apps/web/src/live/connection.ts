import { liveCloseCodes, liveEventSchema, type LiveEvent } from "@valet/contracts";
import type { Clock } from "@valet/shared";
import {
  attemptOf,
  backoffMs,
  nextConnectionState,
  type ConnectionEvent,
  type ConnectionState,
} from "./connection-state.ts";

/** What we need of a WebSocket; tests bring their own. */
export interface Socket {
  send(text: string): void;
  close(): void;
  onopen: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number }) => void) | null;
  onerror: (() => void) | null;
}

export interface LiveDeps {
  open: (url: string) => Socket;
  clock: Clock;
  random: () => number;
}

export interface LiveOptions {
  url: string;
  /** Null: the session cookie signs us in. */
  token: () => string | null;
  onEvent: (event: LiveEvent) => void;
  /** Connected with no event to resume from: what happened before is unknown. */
  onGap: () => void;
  onState: (state: ConnectionState) => void;
  openTimeoutMs?: number;
  pingEveryMs?: number;
}

export interface LiveConnection {
  start(): void;
  /** Try now instead of at the end of the wait: the network is back, or the reader asked. */
  retryNow(): void;
  stop(): void;
}

/** One socket that comes back by itself and asks for what it missed. */
export function makeLiveConnection(deps: LiveDeps, options: LiveOptions): LiveConnection {
  let state: ConnectionState = { phase: "connecting", attempt: 0 };
  let lastEventId: number | undefined;
  let socket: Socket | undefined;
  let round = new AbortController();

  const move = (event: ConnectionEvent) => {
    state = nextConnectionState(state, event);
    options.onState(state);
  };
  /** Runs after `ms` unless this round of connecting ends first. */
  const later = (ms: number, run: () => void) => {
    const { signal } = round;
    deps.clock.sleep(ms, signal).then(run, (reason: unknown) => {
      if (!signal.aborted) throw reason;
    });
  };
  const newRound = () => {
    round.abort(new Error("this round of connecting is over"));
    round = new AbortController();
  };
  const drop = () => {
    if (socket === undefined) return;
    socket.onopen = socket.onmessage = socket.onclose = socket.onerror = null;
    socket.close();
    socket = undefined;
  };
  const lose = (code: number) => {
    drop();
    newRound();
    if (code === liveCloseCodes.badToken) return move({ type: "denied" });
    const waitMs = backoffMs(attemptOf(state), deps.random);
    move({ type: "lost", retryAtMs: deps.clock.now() + waitMs });
    later(waitMs, connect);
  };
  const ping = () => {
    socket?.send(JSON.stringify({ type: "ping" }));
    later(options.pingEveryMs ?? 25_000, ping);
  };
  const onOpen = () => {
    newRound();
    const token = options.token();
    const resume = lastEventId === undefined ? {} : { lastEventId };
    if (token !== null) socket?.send(JSON.stringify({ type: "auth", token, ...resume }));
    else if (lastEventId !== undefined) socket?.send(JSON.stringify({ type: "resume", lastEventId }));
    move({ type: "opened" });
    if (lastEventId === undefined) options.onGap();
    later(options.pingEveryMs ?? 25_000, ping);
  };
  const onMessage = (data: unknown) => {
    const event = readEvent(data);
    if (event === null) return;
    // Ids come in the order of commits, not of size: the last one received is where to go on. After a reset there is none.
    lastEventId = event.type === "reset" ? undefined : event.eventId;
    options.onEvent(event);
  };
  const connect = () => {
    move({ type: "try" });
    if (state.phase !== "connecting") return;
    socket = deps.open(options.url);
    socket.onopen = onOpen;
    socket.onmessage = (event) => onMessage(event.data);
    socket.onclose = (event) => lose(event.code);
    later(options.openTimeoutMs ?? 10_000, () => lose(0));
  };
  return {
    start: () => {
      options.onState(state);
      connect();
    },
    retryNow: () => {
      if (state.phase !== "waiting") return;
      newRound();
      connect();
    },
    stop: () => {
      newRound();
      drop();
      move({ type: "stop" });
    },
  };
}

/** An event, or null for what a newer API may also say (a pong, a type we do not know yet). */
export function readEvent(data: unknown): LiveEvent | null {
  if (typeof data !== "string") return null;
  const parsed = liveEventSchema.safeParse(parseJson(data));
  return parsed.success ? parsed.data : null;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    if (cause instanceof SyntaxError) return undefined;
    throw cause;
  }
}
