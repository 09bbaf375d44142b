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
    let touchesDeploy = false;
    let commits = false;
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
      const text = chunk.toString("latin1");
      if (/UPDATE deploys\b|INSERT INTO deploy_decisions/i.test(text)) touchesDeploy = true;
      if (/\0?COMMIT/i.test(text) && touchesDeploy) commits = true;
      if (/ROLLBACK/i.test(text)) touchesDeploy = false;
      upstream.write(chunk);
    });
    upstream.on("data", (chunk) => {
      if (commits && chunk.includes("COMMIT\0")) {
        commits = false;
        touchesDeploy = false;
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
