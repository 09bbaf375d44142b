import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { Readable } from "node:stream";
import type { LiveEvent } from "@valet/contracts";
import { WebSocketServer, type WebSocket } from "ws";
import { makeFixtureApi, type FixtureOptions } from "./fixture-api.ts";
import { makeFixtureFetch } from "./fixture-fetch.ts";

export interface FixtureServer {
  url: string;
  /** Sends a live event to every dashboard that is connected. */
  emit(event: LiveEvent): void;
  close(): Promise<void>;
}

/**
 * A pretended API for looking at the dashboard: it speaks the contracts from made-up data, keeps nothing, and is no part of what
 * ships. With `webDir` it serves a built dashboard too.
 */
export async function startFixtureServer(
  options: FixtureOptions & { port?: number; webDir?: string },
): Promise<FixtureServer> {
  const sockets = new WebSocketServer({ noServer: true });
  const emit = (event: LiveEvent) => {
    for (const socket of sockets.clients) (socket as WebSocket).send(JSON.stringify(event));
  };
  const fixtureFetch = makeFixtureFetch(makeFixtureApi(options, emit));
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const path = request.url ?? "/";
    if (!path.startsWith("/api/")) return serveFile(options.webDir ?? "", path, response);
    const body = await readBody(request);
    const init: RequestInit = { method: request.method ?? "GET", ...(body === "" ? {} : { body }) };
    const reply = await fixtureFetch(`http://fixture${path}`, init);
    response.writeHead(reply.status, Object.fromEntries(reply.headers));
    if (reply.body) Readable.fromWeb(reply.body as never).pipe(response);
    else response.end();
  };
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      response.writeHead(500, { "content-type": "application/json" });
      response.end(JSON.stringify({ error: "internal", message: String(error), requestId: "fixture" }));
    });
  });
  server.on("upgrade", (request, socket, head) => {
    sockets.handleUpgrade(request, socket, head, (opened) => sockets.emit("connection", opened, request));
  });
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

async function readBody(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  return Buffer.concat(pieces).toString();
}

const types: Record<string, string> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
};
/** As strict as production's, so that a violation shows here first. */
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self' ws:";

async function serveFile(webDir: string, path: string, response: ServerResponse) {
  const { pathname } = new URL(path, "http://fixture");
  const file = join(webDir, extname(pathname) === "" ? "/index.html" : normalize(pathname));
  response.writeHead(200, {
    "content-type": types[extname(file)] ?? "application/octet-stream",
    "content-security-policy": policy,
  });
  response.end(await readFile(file));
}
