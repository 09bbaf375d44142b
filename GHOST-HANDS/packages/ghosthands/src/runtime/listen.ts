import type { Server } from "node:http";
import { serve } from "@hono/node-server";

export interface Listening {
  port: number;
  close(): Promise<void>;
}

/** Serves a fetch handler over HTTP, on Node and on bun alike. Rejects when the port is taken. */
export function listen(
  fetch: (request: Request) => Response | Promise<Response>,
  address: { host: string; port: number },
): Promise<Listening> {
  return new Promise((resolve, reject) => {
    const server = serve({ fetch, hostname: address.host, port: address.port }, (info) => {
      server.off("error", reject);
      // Long-polls outlive the default five seconds between requests.
      (server as Server).keepAliveTimeout = 75_000;
      resolve({
        port: info.port,
        close: () =>
          new Promise((closed) => {
            server.close(() => closed());
            (server as Server).closeAllConnections();
          }),
      });
    });
    server.once("error", reject);
  });
}

/** One line for people when a port cannot be had. */
export function listenFailure(error: unknown, what: string, address: { host: string; port: number }): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const where = `${address.host}:${address.port}`;
  if (code === "EADDRINUSE") return `${what}: ${where} is taken; stop what uses it or set another port`;
  if (code === "EADDRNOTAVAIL") return `${what}: ${address.host} is not an address of this host`;
  return `${what}: cannot listen on ${where}: ${error instanceof Error ? error.message : String(error)}`;
}
