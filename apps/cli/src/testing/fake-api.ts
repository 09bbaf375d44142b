import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type CallInput, type LiveEvent, type Route, type RouteName, type Routes, routes } from "@valet/contracts";
import { type ErrorCode, UserError } from "@valet/shared";
import { type WebSocket, WebSocketServer } from "ws";
import { ZodError, type z } from "zod";

export const fakeToken = "fake-token-for-tests";

interface Call {
  route: RouteName;
  params: Record<string, string>;
  query: Record<string, unknown>;
  body: unknown;
  headers: IncomingMessage["headers"];
}
type Answer<R> = R extends { readonly response: infer S extends z.ZodType } ? z.input<S> : string;
/** What the fake answers, a function a route; a thrown UserError becomes the envelope. */
export type FakeAnswers = {
  [K in RouteName]?: (call: Call & { input: CallInput<Routes[K]> }) => Answer<Routes[K]>;
};

export interface FakeApi {
  url: string;
  calls: Call[];
  answers: FakeAnswers;
  /** Sends a live event to every socket that has said who it is. */
  push(event: LiveEvent): void;
  /** Live sockets that have said who they are, and what they resumed behind. */
  greeted: { lastEventId: number | undefined }[];
  dropSockets(): void;
  close(): Promise<void>;
}

/** A stand-in for the API: real HTTP and WebSocket, the contract's own schemas on the way in and out, answers by the test. */
export async function startFakeApi(answers: FakeAnswers = {}): Promise<FakeApi> {
  const calls: Call[] = [];
  const fake = { answers };
  const server = createServer((request, response) => {
    void answer(fake, calls, request, response);
  });
  const sockets = new WebSocketServer({ server, path: "/api/v1/ws" });
  const listening = new Set<WebSocket>();
  const greeted: FakeApi["greeted"] = [];
  sockets.on("connection", (socket) => {
    socket.on("message", (data) => {
      const message = JSON.parse(String(data)) as { type: string; token?: string; lastEventId?: number };
      if (message.type !== "auth") return;
      if (message.token !== fakeToken) return socket.close(4001, "bad token");
      greeted.push({ lastEventId: message.lastEventId });
      listening.add(socket);
    });
    socket.on("close", () => listening.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return Object.assign(fake, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    greeted,
    push: (event: LiveEvent) => listening.forEach((socket) => socket.send(JSON.stringify(event))),
    dropSockets: () => sockets.clients.forEach((socket) => socket.terminate()),
    close: async () => {
      sockets.clients.forEach((socket) => socket.terminate());
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

async function answer(
  fake: { answers: FakeAnswers },
  calls: Call[],
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    const url = new URL(request.url ?? "/", "http://fake");
    const found = findRoute(request.method ?? "GET", url.pathname);
    if (!found) throw new UserError("not_found", `Route ${request.method}:${url.pathname} not found`);
    const [name, route, params] = found;
    if (route.access !== "public" && request.headers.authorization !== `Bearer ${fakeToken}`) {
      throw new UserError("unauthorized", "missing or unknown token");
    }
    const query = route.query ? route.query.parse(Object.fromEntries(url.searchParams)) : {};
    const body = route.body ? route.body.parse(JSON.parse(await textOf(request))) : undefined;
    route.params?.parse(params);
    const call = { route: name, params, query: query as Record<string, unknown>, body, headers: request.headers };
    calls.push(call);
    const make = fake.answers[name] as ((call: Call & { input: object }) => unknown) | undefined;
    if (!make) throw new UserError("not_found", `the fake has no answer for ${name}`);
    const made = make({ ...call, input: { params, query, body } });
    if (!route.response) return void response.writeHead(200, { "content-type": "text/event-stream" }).end(made);
    route.response.parse(made);
    send(response, route.status ?? 200, made);
  } catch (error) {
    refuse(response, error);
  }
}

function refuse(response: ServerResponse, error: unknown): void {
  const requestId = "request-1";
  if (error instanceof ZodError) {
    const details = error.issues.map(({ path, message, code }) => ({ field: path.join("."), message, code }));
    return send(response, 422, { error: "validation" satisfies ErrorCode, message: "not valid", details, requestId });
  }
  const known = error instanceof UserError ? error : new UserError("unavailable", String(error));
  const { code, message, details, retryAfterSeconds } = known;
  if (retryAfterSeconds) response.setHeader("retry-after", String(retryAfterSeconds));
  send(response, known.status, { error: code, message, requestId, ...(details ? { details } : {}) });
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

function findRoute(method: string, path: string): [RouteName, Route, Record<string, string>] | null {
  for (const [name, route] of Object.entries(routes) as [RouteName, Route][]) {
    const names = [...route.path.matchAll(/:([A-Za-z]+)/g)].map((match) => match[1] ?? "");
    const match = new RegExp(`^${route.path.replace(/:[A-Za-z]+/g, "([^/]+)")}$`).exec(path);
    if (!match || route.method !== method) continue;
    return [
      name,
      route,
      Object.fromEntries(names.map((key, index) => [key, decodeURIComponent(match[index + 1] ?? "")])),
    ];
  }
  return null;
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}
