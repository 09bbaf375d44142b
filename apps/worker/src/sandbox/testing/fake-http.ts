import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";

export interface FakeRequest {
  method: string;
  url: URL;
  headers: IncomingMessage["headers"];
  bytes: Buffer;
  /** Aborted when the caller hung up. */
  signal: AbortSignal;
}
export interface FakeAnswer {
  status: number;
  body: unknown;
  contentType?: string;
}
/** A server on a free (or given) port that a test can make deaf and hearing again, on the same port. */
export interface FakeHttp {
  readonly url: string;
  readonly port: number;
  /** Refuses connections and cuts the open ones. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

export async function startFakeHttp(handle: (request: FakeRequest) => Promise<FakeAnswer>): Promise<FakeHttp> {
  let server: Server | null = null;
  let port = 0;
  const serve = async (incoming: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const hangUp = new AbortController();
    response.on("close", () => hangUp.abort());
    const answer = await handle({
      method: incoming.method ?? "GET",
      url: new URL(incoming.url ?? "/", "http://fake"),
      headers: incoming.headers,
      bytes: Buffer.concat(chunks),
      signal: hangUp.signal,
    }).catch((error: unknown): FakeAnswer => ({ status: 500, body: { error: "fake", message: String(error) } }));
    if (response.destroyed) return;
    const isRaw = answer.body instanceof Uint8Array;
    response.writeHead(answer.status, { "content-type": answer.contentType ?? "application/json" });
    response.end(isRaw ? answer.body : JSON.stringify(answer.body));
  };
  const fake = {
    get url() {
      return `http://127.0.0.1:${port}`;
    },
    get port() {
      return port;
    },
    async start() {
      const next = createServer((incoming, response) => {
        serve(incoming, response).catch(() => response.destroy());
      });
      await new Promise<void>((resolve, reject) => {
        next.once("error", reject);
        next.listen(port, "127.0.0.1", resolve);
      });
      port = (next.address() as AddressInfo).port;
      server = next;
    },
    async stop() {
      const closing = server;
      server = null;
      if (!closing) return;
      const closed = new Promise<void>((resolve) => closing.close(() => resolve()));
      closing.closeAllConnections();
      await closed;
    },
  };
  await fake.start();
  return fake;
}

/** Polls until `check` answers something; fails with `what` after `timeoutMs`. */
export async function eventually<T>(
  what: string,
  check: () => T | undefined | null | false,
  timeoutMs = 45_000,
): Promise<T> {
  const endsAt = Date.now() + timeoutMs;
  for (;;) {
    const value = check();
    if (value) return value;
    if (Date.now() > endsAt) throw new Error(`never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
