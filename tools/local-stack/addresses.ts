import { createServer } from "node:net";

/** Where one local sandbox listens. On Linux each has a loopback address of its own, so that the documented ports stay. */
export interface SandboxAddress {
  host: string;
  agentPort: number;
  frontApiPort: number;
  frontWorkerPort: number;
}

export const documentedPorts = { agentPort: 8000, frontApiPort: 3100, frontWorkerPort: 3101 } as const;

/**
 * Addresses for `count` sandboxes. `fixed`: 127.0.0.11 and up when all their ports are free. Otherwise (or where the system has only
 * 127.0.0.1) another block of loopback addresses, or port offsets.
 */
export async function sandboxAddresses(count: number, options: { fixed: boolean; random?: () => number }) {
  const random = options.random ?? Math.random;
  const block = (net: string, first: number) =>
    Array.from({ length: count }, (_, i): SandboxAddress => ({ host: `${net}.${first + i}`, ...documentedPorts }));
  if (options.fixed && (await allFree(block("127.0.0", 11)))) return block("127.0.0", 11);
  for (let attempt = 0; attempt < 20; attempt++) {
    const candidate = block(`127.${20 + Math.floor(random() * 200)}.${Math.floor(random() * 250)}`, 11);
    if (await allFree(candidate)) return candidate;
  }
  return offsets(count);
}

async function offsets(count: number): Promise<SandboxAddress[]> {
  const addresses: SandboxAddress[] = [];
  for (let base = 18_000; base < 60_000 && addresses.length < count; base += 10) {
    const candidate = { host: "127.0.0.1", agentPort: base, frontApiPort: base + 1, frontWorkerPort: base + 2 };
    if (await allFree([candidate])) addresses.push(candidate);
  }
  if (addresses.length < count) throw new Error("no free loopback ports for the sandboxes between 18000 and 60000");
  return addresses;
}

async function allFree(addresses: SandboxAddress[]): Promise<boolean> {
  const checks = addresses.flatMap((a) =>
    [a.agentPort, a.frontApiPort, a.frontWorkerPort].map((port) => isFree(a.host, port)),
  );
  return (await Promise.all(checks)).every(Boolean);
}

/** True when nothing listens there and we may. */
export function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** A port nobody listens on right now. */
export function freePort(host = "127.0.0.1"): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen({ host, port: 0 }, () => {
      const address = server.address();
      server.close(() =>
        address && typeof address === "object" ? resolve(address.port) : reject(new Error("no port")),
      );
    });
  });
}
