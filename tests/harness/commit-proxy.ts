import { connect, createServer, type Socket } from "node:net";

export interface CommitProxy {
  url: string;
  /** Commits that saved a deploy, so far. */
  saves(): number;
  /** From now on: when the n-th save (counted from 1, from now) is answered by Postgres, `act` runs before the answer goes on. */
  atSave(n: number, act: () => void): void;
  close(): Promise<void>;
}

/**
 * Stands between a process and Postgres and sees every commit of a transaction that wrote a deploy. Nothing in the product knows of
 * it: a process is killed exactly between "the database has it" and "the process knows it".
 */
export async function startCommitProxy(databaseUrl: string): Promise<CommitProxy> {
  const target = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  let saves = 0;
  let armed: { left: number; act: () => void } | undefined;

  const server = createServer((client) => {
    const upstream = connect({ host: target.hostname, port: Number(target.port) });
    const requests = makeRequestReader();
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => socket.destroy());
      socket.on("close", () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.on("data", (chunk) => {
      requests.read(chunk);
      upstream.write(chunk);
    });
    upstream.on("data", (chunk) => {
      if (chunk.includes("COMMIT\0") && requests.takeSave()) {
        saves += 1;
        if (armed && --armed.left === 0) {
          const { act } = armed;
          armed = undefined;
          act();
        }
      }
      client.write(chunk);
    });
  });
  await new Promise<void>((resolve) => server.listen({ host: "127.0.0.1", port: 0 }, resolve));
  const address = server.address();
  if (!address || typeof address !== "object") throw new Error("the proxy has no port");
  const url = new URL(databaseUrl);
  url.hostname = "127.0.0.1";
  url.port = String(address.port);
  return {
    url: url.toString(),
    saves: () => saves,
    atSave(n, act) {
      armed = { left: n, act };
    },
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

/** Follows what a client asks for, so that a commit is known to be one that saved a deploy. */
function makeRequestReader() {
  /** Prepared statements that write deploys. */
  const writers = new Set<string>();
  let rest = Buffer.alloc(0);
  let isStarted = false;
  let touchesDeploy = false;
  let isCommitting = false;

  function take(type: string, body: Buffer): void {
    const [first = "", second = ""] = body.toString("latin1").split("\0");
    if (type === "P" && isDeployWrite(second)) writers.add(first);
    // Bind: portal, then the statement's name.
    if (type === "B" && writers.has(second)) touchesDeploy = true;
    if (type !== "Q") return;
    if (/^BEGIN|^ROLLBACK/i.test(first)) touchesDeploy = false;
    if (/^COMMIT/i.test(first)) isCommitting = touchesDeploy;
  }

  return {
    read(chunk: Buffer): void {
      rest = Buffer.concat([rest, chunk]);
      for (;;) {
        // The first message has no type byte.
        const head = isStarted ? 1 : 0;
        if (rest.length < head + 4) return;
        const length = rest.readInt32BE(head);
        if (rest.length < head + length) return;
        if (isStarted) take(String.fromCharCode(rest[0] ?? 0), rest.subarray(5, head + length));
        isStarted = true;
        rest = rest.subarray(head + length);
      }
    },
    /** True once for each answered commit of a transaction that wrote a deploy. */
    takeSave(): boolean {
      const isSave = isCommitting;
      isCommitting = false;
      if (isSave) touchesDeploy = false;
      return isSave;
    },
  };
}

function isDeployWrite(sql: string): boolean {
  return /UPDATE deploys SET image_digest\b/i.test(sql);
}
