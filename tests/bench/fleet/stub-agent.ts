import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { AgentHealth } from "@valet/contracts";
import { agentAnswerBytes, agentHeaders, agentRequestBytes, signBytes, signatureMatches } from "@valet/contracts/node";

/** One agent that answers for all simulated hosts, in a process of its own: the benchmark's clock must not wait for it. */
export interface StubAgent {
  port: number;
  stop(): Promise<void>;
}

/** Every host reports one sound generation of `digest`; all share one key. */
export async function startStubAgent(key: string, digest: string): Promise<StubAgent> {
  const child: ChildProcess = fork(import.meta.filename, [key, digest], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const [port] = (await once(child, "message", { signal: AbortSignal.timeout(30_000) })) as [number];
  return {
    port,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, "exit");
      child.kill("SIGKILL");
      await gone;
    },
  };
}

function healthOf(digest: string): AgentHealth {
  const release = { generation: 1, imageTag: "v1", imageDigest: digest };
  return {
    ...{
      status: "ok",
      cpu: 1,
      memoryTotalMb: 1,
      memoryUsedMb: 1,
      diskTotalGb: 1,
      diskUsedGb: 1,
      adspowerStatus: "stopped",
    },
    ...{ activeProfiles: 0, activeWorkers: 0, uptime: 1, version: "bench", ...release, currentDeploy: null },
    ...{ deploySafe: true, accepting: true, epoch: 0 },
    generations: [
      {
        ...{ ...release, state: "serving", desiredDigest: digest, apiPort: 1, workerPort: 1, apiPid: 1, workerPid: 1 },
        ...{ healthy: true, accepting: true, activeJobs: 0, restarts: 0, startedAt: new Date(0).toISOString() },
      },
    ],
  };
}

/** Signed health, and nothing else: no deploy runs in this benchmark. */
function answer(key: string, text: string, request: IncomingMessage, response: ServerResponse): void {
  const header = (name: string) => String(request.headers[name] ?? "");
  const nonce = header(agentHeaders.nonce);
  const asked = agentRequestBytes(header(agentHeaders.timestamp), nonce, request.method ?? "", request.url ?? "", "");
  const isHealth = request.url === "/health" && signatureMatches(key, asked, header(agentHeaders.signature));
  const [status, body] = isHealth ? [200, text] : [404, '{"error":"not_found"}'];
  const at = String(Date.now());
  response.writeHead(status, {
    "content-type": "application/json",
    [agentHeaders.timestamp]: at,
    [agentHeaders.signature]: signBytes(key, agentAnswerBytes(at, nonce, status, body)),
  });
  response.end(body);
}

function serve(key: string, digest: string): void {
  const text = JSON.stringify(healthOf(digest));
  const server = createServer((request, response) => answer(key, text, request, response));
  server.keepAliveTimeout = 60_000;
  server.listen(0, "127.0.0.1", () => process.send?.((server.address() as AddressInfo).port));
  // The benchmark's end is this one's too, however it came.
  process.once("disconnect", () => process.exit(0));
}

if (process.argv[1] === import.meta.filename) serve(process.argv[2] ?? "", process.argv[3] ?? "");
