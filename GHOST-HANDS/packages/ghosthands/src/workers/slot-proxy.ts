import { once } from "node:events";
import {
  createServer,
  request as send,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type ServerResponse,
} from "node:http";
import { connect, type AddressInfo, type Socket } from "node:net";
import { Transform, type Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Blocked, NetworkGuard } from "./network-guard.ts";

/** What the job in a slot may reach, and when. */
export interface NetworkPolicy {
  allowedDomains: readonly string[];
  /** Resolves when a request may leave now: not past the deadline. Rejects when the job is over. */
  pass: () => Promise<void>;
}

/**
 * The only way out of one browser. Redirects, sockets and workers of a page all come through here, and the address that was
 * judged is the address connected to, so a name cannot change its meaning in between. It lives in this process: while the
 * process is stopped nothing leaves, and when it wakes the deadline is compared first.
 */
export interface SlotProxy {
  url: string;
  /** Without a policy nothing may leave. */
  setPolicy(policy: NetworkPolicy): void;
  /** The refusal behind a failed navigation to this host; a browser also asks for things of its own, which no step failed by. */
  blockedFor(host: string | undefined): Blocked | undefined;
  forgetBlocked(): void;
  close(): void;
}

type Refusal = Blocked & { host: string; isNavigation: boolean };
const maxRefusals = 100;

export async function startSlotProxy(guard: NetworkGuard): Promise<SlotProxy> {
  const tunnels = new Set<Duplex>();
  let policy: NetworkPolicy | undefined;
  let refusals: Refusal[] = [];

  /** The address to connect to, or undefined when this may not be reached. */
  async function addressOf(
    url: URL,
    isNavigation: boolean,
  ): Promise<{ address: string; policy: NetworkPolicy } | undefined> {
    const current = policy;
    const verdict = current
      ? await guard.check(url, current.allowedDomains)
      : { ok: false as const, error: { code: "no_job" as const, message: "no job runs here" } };
    if (!verdict.ok) {
      refusals = [...refusals.slice(1 - maxRefusals), { ...verdict.error, host: url.hostname, isNavigation }];
      return undefined;
    }
    if (!current || verdict.value.address === null) return undefined;
    return { address: verdict.value.address, policy: current };
  }

  async function forward(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const url = new URL(incoming.url ?? "");
    const target = url.protocol === "http:" ? await addressOf(url, isNavigation(incoming)) : undefined;
    if (!target) return void outgoing.destroy();
    const headers: OutgoingHttpHeaders = { ...incoming.headers, connection: "close" };
    delete headers["proxy-connection"];
    const upstream = send({
      // A connection of its own: one kept open may have been closed by the other side just now.
      agent: false,
      host: target.address,
      port: url.port || 80,
      method: incoming.method,
      path: `${url.pathname}${url.search}`,
      headers,
    });
    // Between two waits nobody else listens, and an error nobody listens to ends the process.
    upstream.on("error", () => outgoing.destroy());
    outgoing.on("error", () => upstream.destroy());
    outgoing.once("close", () => upstream.destroy());
    const [socket] = (await once(upstream, "socket")) as [Socket];
    if (socket.connecting) await once(socket, "connect");
    // Only now, when it can leave in this very turn, is the deadline compared; and again before each part of the body.
    await target.policy.pass();
    const [answer] = await Promise.all([
      once(upstream, "response") as Promise<[IncomingMessage]>,
      pipeline(incoming, held(target.policy), upstream),
    ]);
    outgoing.writeHead(answer[0].statusCode ?? 502, answer[0].rawHeaders);
    await pipeline(answer[0], outgoing);
  }

  async function tunnel(incoming: IncomingMessage, client: Duplex, head: Buffer): Promise<void> {
    tunnels.add(client);
    client.once("close", () => tunnels.delete(client));
    const url = new URL(`https://${incoming.url ?? ""}`);
    const target = await addressOf(url, false);
    if (!target) return void client.end("HTTP/1.1 403 Forbidden\r\n\r\n");
    const upstream: Socket = connect(Number(url.port || 443), target.address);
    upstream.on("error", () => client.destroy());
    client.once("close", () => upstream.destroy());
    await once(upstream, "connect");
    await target.policy.pass();
    client.write("HTTP/1.1 200 Connection Established\r\n\r\n");
    if (head.length > 0) upstream.write(head);
    await Promise.all([pipeline(client, held(target.policy), upstream), pipeline(upstream, client)]);
  }

  const server = createServer((incoming, outgoing) => {
    // A connection that fails on either side is the page's to notice.
    forward(incoming, outgoing).catch(() => outgoing.destroy());
  });
  server.on("connect", (incoming, client, head) => {
    client.on("error", () => client.destroy());
    tunnel(incoming, client, head).catch(() => client.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    setPolicy(next) {
      policy = next;
      refusals = [];
    },
    blockedFor: (host) => refusalFor(refusals, host),
    forgetBlocked() {
      refusals = [];
    },
    close() {
      server.close();
      server.closeAllConnections();
      for (const client of tunnels) client.destroy();
    },
  };
}

/** A page that is opened asks so; what it loads, and what the browser wants for itself, does not. */
function isNavigation(incoming: IncomingMessage): boolean {
  return incoming.headers["upgrade-insecure-requests"] === "1";
}

/** Of the host itself first; then of where a redirect led: in clear that shows, in a tunnel it is the last that was refused for a reason of ours. */
function refusalFor(refusals: readonly Refusal[], host: string | undefined): Blocked | undefined {
  return (
    refusals.findLast((one) => one.host === host) ??
    refusals.findLast((one) => one.isNavigation) ??
    refusals.findLast((one) => one.code !== "unknown_host")
  );
}

/** Lets bytes of an open tunnel through only while requests may leave. */
function held(policy: NetworkPolicy): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      policy.pass().then(
        () => done(null, chunk),
        (error: Error) => done(error),
      );
    },
    flush(done) {
      policy.pass().then(() => done(), done);
    },
  });
}
