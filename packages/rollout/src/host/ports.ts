import { createServer } from "node:net";

/** Where generations' ports are taken from: above the documented ones, below what systems give to outgoing connections. */
const firstPort = 3200;
const lastPort = 3999;

/** `count` ports of `host` that nobody listens on and nobody here has been promised. */
export async function freePorts(host: string, count: number, promised: ReadonlySet<number>): Promise<number[]> {
  const found: number[] = [];
  for (let port = firstPort; port <= lastPort && found.length < count; port++) {
    if (!promised.has(port) && (await isFree(host, port))) found.push(port);
  }
  if (found.length < count) throw new Error(`no free port on ${host} between ${firstPort} and ${lastPort}`);
  return found;
}

function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
