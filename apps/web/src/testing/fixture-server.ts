import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { routes, type LiveEvent, type RouteName } from "@valet/contracts";
import { WebSocketServer, type WebSocket } from "ws";
import { makeFixtureApi, type FixtureOptions } from "./fixture-api.ts";

export interface FixtureServer {
  url: string;
  /** Sends a live event to every dashboard that is connected. */
  emit(event: LiveEvent): void;
  close(): Promise<void>;
}

/**
 * A pretended API for looking at the dashboard and for its tests: it speaks the contracts from made-up data, keeps nothing, and
 * is no part of what ships. With `webDir` it serves a built dashboard too.
 */
export async function startFixtureServer(
  options: FixtureOptions & { port?: number; webDir?: string },
): Promise<FixtureServer> {
  const sockets = new WebSocketServer({ noServer: true });
  const emit = (event: LiveEvent) => {
    for (const socket of sockets.clients) (socket as WebSocket).send(JSON.stringify(event));
  };
  const api = makeFixtureApi(options, emit);
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      response.writeHead(500, { "content-type": "application/json" });
      response.end(JSON.stringify({ error: "internal", message: String(error), requestId: "fixture" }));
    });
  });
  server.on("upgrade", (request, socket, head) => {
    sockets.handleUpgrade(request, socket, head, (opened) => sockets.emit("connection", opened, request));
  });

  async function answer(request: IncomingMessage, response: ServerResponse) {
    const url = new URL(request.url ?? "/", "http://fixture");
    if (!url.pathname.startsWith("/api/")) return serveFile(options.webDir, url.pathname, response);
    const hit = findRoute(request.method ?? "GET", url.pathname);
    const body = await readBody(request);
    const reply = hit === null ? null : await api(hit.name, hit.params, url.searchParams, body);
    if (reply === null)
      return sendJson(response, 404, { error: "not_found", message: "No such thing here", requestId: "fixture" });
    if ("stream" in reply) {
      response.writeHead(200, { "content-type": "text/event-stream" });
      reply.stream.forEach((event, index) =>
        response.write(`id: ${index + 1}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`),
      );
      if (reply.ends) response.end();
      return;
    }
    if ("bytes" in reply) {
      response.writeHead(200, { "content-type": reply.contentType });
      response.end(reply.bytes);
      return;
    }
    sendJson(response, reply.status, reply.json);
  }

  await new Promise<void>((resolve) => server.listen(options.port ?? 0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    emit,
    close: async () => {
      for (const socket of sockets.clients) socket.terminate();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The route of the contracts that a request means. Fixed paths win over ones with parameters. */
function findRoute(method: string, path: string): { name: RouteName; params: Record<string, string> } | null {
  const names = (Object.keys(routes) as RouteName[]).sort(
    (a, b) => routes[a].path.split(":").length - routes[b].path.split(":").length,
  );
  for (const name of names) {
    const route = routes[name];
    if (route.method !== method) continue;
    const pattern = new RegExp(`^${route.path.replace(/:([A-Za-z]+)/g, "(?<$1>[^/]+)")}$`);
    const match = pattern.exec(path);
    if (match) return { name, params: { ...match.groups } };
  }
  return null;
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  const text = Buffer.concat(pieces).toString();
  return text === "" ? undefined : (JSON.parse(text) as unknown);
}

function sendJson(response: ServerResponse, status: number, body: unknown) {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

const types: Record<string, string> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
};

async function serveFile(webDir: string | undefined, path: string, response: ServerResponse) {
  if (webDir === undefined)
    return sendJson(response, 404, { error: "not_found", message: "API only", requestId: "fixture" });
  const wanted = extname(path) === "" ? "/index.html" : normalize(path);
  const file = join(webDir, wanted);
  response.writeHead(200, { "content-type": types[extname(file)] ?? "application/octet-stream" });
  response.end(await readFile(file));
}
