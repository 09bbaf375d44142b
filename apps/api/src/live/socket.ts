import websocket from "@fastify/websocket";
import { type LiveEvent, liveClientMessageSchema, liveCloseCodes } from "@valet/contracts";
import type { LiveEventRow } from "@valet/db";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { WebSocket } from "ws";
import type { Tokens } from "../authenticate.ts";
import { type UserPrincipal, tenantScopeOf } from "../principal.ts";
import { cookieOf, sessionCookie } from "../session-token.ts";
import { type LiveHub, sees } from "./hub.ts";

export const liveProtocol = "valet.live";
const tokenPrefix = "valet.token.";
const authDeadlineMs = 10_000;
const mostBufferedBytes = 1_000_000;
const pingMs = 30_000;
const closeGraceMs = 2_000;
/** Close code for a reader that is too slow: it comes back and resumes. */
const tryAgainLater = 1013;

/**
 * GET /api/v1/ws. The token comes as subprotocol `valet.token.<token>`, as the first message, as `?token=` (never logged) or as the
 * dashboard's cookie; a browser that offers subprotocols gets `valet.live` back when it offered that, else its token.
 */
export async function installLiveSocket(app: FastifyInstance, tokens: Tokens, hub: LiveHub): Promise<void> {
  await app.register(websocket, {
    options: { maxPayload: 16_384, handleProtocols: chooseProtocol },
    preClose: (done) => {
      for (const client of app.websocketServer.clients) {
        client.close(liveCloseCodes.shutdown, "the API is restarting");
        // One that does not answer the close must not hold the process.
        setTimeout(() => client.terminate(), closeGraceMs).unref();
      }
      app.websocketServer.close();
      done();
    },
  });
  await app.register(async (scope) => {
    scope.get("/api/v1/ws", { websocket: true, schema: { hide: true } }, (socket, request) => {
      void serve(socket, request, tokens, hub).catch((cause: unknown) => {
        request.log.warn({ event: "live_socket_failed", err: cause }, "live socket failed");
        socket.close(1011, "try again");
      });
    });
  });
}

async function serve(socket: WebSocket, request: FastifyRequest, tokens: Tokens, hub: LiveHub) {
  // Listen at once: a first message may arrive while the token is being looked up.
  const inbox = makeInbox(socket);
  socket.on("error", (cause) => request.log.debug({ event: "live_socket_error", err: cause }, "live socket error"));
  const query = new URLSearchParams(request.url.split("?")[1] ?? "");
  let lastEventId = idOf(query.get("lastEventId"));
  let token = tokenOfRequest(request, query);
  if (token === null) {
    const first = await inbox.first(authDeadlineMs);
    if (first?.type === "auth") {
      token = first.token;
      lastEventId = first.lastEventId ?? lastEventId;
    }
  }
  const principal = token === null ? null : await tokens.userOf(token);
  if (principal === null) return socket.close(liveCloseCodes.badToken, "bad token");
  await stream(socket, principal, lastEventId, hub, inbox);
}

/** Replays what was missed, then passes events on; those that happen during the replay wait for its end. */
async function stream(socket: WebSocket, principal: UserPrincipal, from: number | null, hub: LiveHub, inbox: Inbox) {
  const audience = tenantScopeOf(principal);
  let held: LiveEventRow[] | null = [];
  const unsubscribe = hub.subscribe((event) => {
    if (!sees(audience, event)) return;
    if (held) held.push(event);
    else send(socket, messageOf(event));
  });
  socket.once("close", unsubscribe);
  const resume = async (lastEventId: number) => {
    held ??= [];
    const replay = await hub.replayAfter(lastEventId, audience);
    const sent = new Set<number>();
    if (replay.kind === "reset") send(socket, { type: "reset", eventId: 0 });
    else
      for (const event of replay.events) {
        sent.add(event.id);
        send(socket, messageOf(event));
      }
    const waiting = held.filter((event) => !sent.has(event.id));
    held = null;
    for (const event of waiting) send(socket, messageOf(event));
  };
  if (from !== null) await resume(from);
  else {
    const waiting = held;
    held = null;
    for (const event of waiting) send(socket, messageOf(event));
  }
  inbox.onMessage(async (message) => {
    if (message.type === "resume") await resume(message.lastEventId);
    else if (message.type === "ping" && socket.readyState === socket.OPEN) socket.send('{"type":"pong"}');
  });
  keepAlive(socket);
}

function keepAlive(socket: WebSocket): void {
  let answered = true;
  socket.on("pong", () => {
    answered = true;
  });
  const timer = setInterval(() => {
    if (!answered) return socket.terminate();
    answered = false;
    socket.ping();
  }, pingMs);
  socket.once("close", () => clearInterval(timer));
}

function send(socket: WebSocket, message: LiveEvent | Record<string, unknown>): void {
  if (socket.readyState !== socket.OPEN) return;
  if (socket.bufferedAmount > mostBufferedBytes)
    return socket.close(tryAgainLater, "too slow; resume from the last event");
  socket.send(JSON.stringify(message));
}

function messageOf(event: LiveEventRow): Record<string, unknown> {
  return { ...event.payload, type: event.type, eventId: event.id };
}

type ClientMessage = ReturnType<typeof liveClientMessageSchema.parse>;
interface Inbox {
  first(deadlineMs: number): Promise<ClientMessage | null>;
  onMessage(handle: (message: ClientMessage) => Promise<void>): void;
}

/** Keeps up to eight messages until somebody reads them; what is not in the contract is ignored. */
function makeInbox(socket: WebSocket): Inbox {
  const early: ClientMessage[] = [];
  let deliver: (message: ClientMessage) => void = (message) => {
    if (early.length < 8) early.push(message);
  };
  socket.on("message", (data) => {
    const message = clientMessageOf(data.toString());
    if (message) deliver(message);
  });
  return {
    first: (deadlineMs) =>
      new Promise((resolve) => {
        const waiting = early.shift();
        if (waiting) return resolve(waiting);
        const timer = setTimeout(() => resolve(null), deadlineMs);
        const end = (message: ClientMessage | null) => {
          clearTimeout(timer);
          deliver = (later) => {
            if (early.length < 8) early.push(later);
          };
          resolve(message);
        };
        deliver = end;
        socket.once("close", () => end(null));
      }),
    onMessage(handle) {
      let queue = Promise.resolve();
      deliver = (message) => {
        queue = queue.then(() => handle(message)).catch(() => socket.close(1011, "try again"));
      };
      for (const message of early.splice(0)) deliver(message);
    },
  };
}

function clientMessageOf(text: string): ClientMessage | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    if (cause instanceof SyntaxError) return null;
    throw cause;
  }
  const parsed = liveClientMessageSchema.safeParse(value);
  return parsed.success ? parsed.data : null;
}

function tokenOfRequest(request: FastifyRequest, query: URLSearchParams): string | null {
  for (const protocol of (request.headers["sec-websocket-protocol"] ?? "").split(",")) {
    const name = protocol.trim();
    if (name.startsWith(tokenPrefix)) return name.slice(tokenPrefix.length);
  }
  const inQuery = query.get("token");
  if (inQuery) return inQuery;
  const bearer = /^Bearer +([^\s]+)$/i.exec(request.headers.authorization ?? "")?.[1];
  return bearer ?? (isSameOrigin(request) ? cookieOf(request.headers.cookie, sessionCookie) : null);
}

/** The cookie counts only from our own pages. */
function isSameOrigin(request: FastifyRequest): boolean {
  const origin = request.headers.origin;
  if (origin === undefined) return true;
  return URL.canParse(origin) && new URL(origin).host === request.headers.host;
}

function chooseProtocol(offered: Set<string>): string | false {
  if (offered.has(liveProtocol)) return liveProtocol;
  return [...offered].find((protocol) => protocol.startsWith(tokenPrefix)) ?? false;
}

function idOf(text: string | null): number | null {
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : null;
}
