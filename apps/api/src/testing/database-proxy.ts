import { once } from "node:events";
import { type Socket, connect, createServer } from "node:net";

export interface DatabaseProxy {
  url: string;
  /** Ends every connection and refuses new ones. */
  cut(): void;
  /** Cuts when this text is sent: before it arrives, or after it arrived and before its answer. */
  cutAt(text: string, when: "before" | "after"): void;
  restore(): void;
  close(): Promise<void>;
}

/** A TCP proxy before Postgres that can be cut. */
export async function makeDatabaseProxy(target: string): Promise<DatabaseProxy> {
  const to = new URL(target);
  const sockets = new Set<Socket>();
  let isCut = false;
  let trap: { text: string; when: "before" | "after" } | null = null;
  const cut = () => {
    isCut = true;
    trap = null;
    for (const socket of sockets) socket.destroy();
  };
  const link = (from: Socket, other: Socket) => {
    sockets.add(from);
    from.on("error", () => other.destroy());
    from.on("close", () => {
      sockets.delete(from);
      other.destroy();
    });
  };
  const server = createServer((inbound) => {
    if (isCut) {
      inbound.destroy();
      return;
    }
    const outbound = connect(Number(to.port), to.hostname);
    link(inbound, outbound);
    link(outbound, inbound);
    let isAnswered = true;
    outbound.on("data", (bytes) => {
      if (isAnswered) inbound.write(bytes);
      else cut();
    });
    // A text may arrive in two pieces; what came before the trap was set does not count.
    let tail = Buffer.alloc(0);
    inbound.on("data", (bytes) => {
      const seen = Buffer.concat([tail, bytes]);
      tail = trap ? seen.subarray(-(trap.text.length - 1)) : Buffer.alloc(0);
      const isTrapped = trap !== null && seen.includes(trap.text);
      if (isTrapped && trap?.when === "before") return cut();
      if (isTrapped) isAnswered = false;
      outbound.write(bytes);
      return undefined;
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const url = new URL(target);
  url.hostname = "127.0.0.1";
  url.port = String(address.port);
  return {
    url: url.href,
    cut,
    cutAt(text, when) {
      trap = { text, when };
    },
    restore() {
      isCut = false;
      trap = null;
    },
    async close() {
      cut();
      server.close();
      await once(server, "close");
    },
  };
}
