import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { agentDeploySchema, type AgentDeploy, type AgentHealth, agentHealthSchema } from "@valet/contracts";
import { agentAnswerBytes, agentHeaders, agentRequestBytes, signatureMatches, signBytes } from "@valet/contracts/node";
import { build } from "esbuild";
import { programOptions } from "../../tools/build-app.mjs";
import { type SourcePatch, sourcePatches } from "../../tools/local-stack/source-patches.ts";
import { waitFor } from "../../tools/local-stack/wait-for.ts";

const root = dirname(dirname(import.meta.dirname));
export const agentKey = "test-agent-key-0123456789";
export const serviceSecret = "test-service-secret";

/** Builds the agent as it is shipped: one file. */
export async function buildAgent(outfile: string, patches: readonly SourcePatch[] = []): Promise<string> {
  await build({
    ...programOptions,
    absWorkingDir: root,
    entryPoints: [join(root, "apps/agent/src/main.ts")],
    outfile,
    plugins: [sourcePatches(root, patches)],
  } as Parameters<typeof build>[0]);
  return outfile;
}

export interface Signing {
  key?: string;
  timestampMs?: number;
  nonce?: string;
  signature?: string;
  headers?: Record<string, string>;
}

export interface PlainInit {
  headers?: Record<string, string>;
  body?: string;
}

export interface TestAgent {
  url: string;
  frontApi: string;
  frontWorker: string;
  dataDir: string;
  ghDataDir: string;
  pid(): number;
  start(): Promise<void>;
  /** Ends the agent's process only; its generations run on. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** A signed request. The answer's signature is checked. */
  signed(
    method: string,
    path: string,
    body?: unknown,
    signing?: Signing,
  ): Promise<{ status: number; body: Record<string, unknown> }>;
  /** A plain one. */
  plain(method: string, path: string, init?: PlainInit): Promise<{ status: number; body: Record<string, unknown> }>;
  health(): Promise<AgentHealth>;
  deploy(tag: string, more?: Record<string, unknown>): Promise<string>;
  /** Waits until the deploy's procedure is over. */
  outcome(deployId: string): Promise<AgentDeploy>;
  nextEpoch(): number;
  log(): string;
  /** Ends the agent and everything it runs. */
  destroy(): Promise<void>;
}

export interface TestAgentOptions {
  program: string;
  /** A loopback address that no other test uses. */
  host: string;
  registryUrl: string;
  leaseMs?: number;
  env?: Record<string, string>;
}

/** One sandbox's agent as a real process, with its own loopback address and data folder. */
export async function startTestAgent(options: TestAgentOptions): Promise<TestAgent> {
  const dataDir = mkdtempSync(join(tmpdir(), "agent-"));
  const ghDataDir = join(dataDir, "gh");
  const logFile = join(dataDir, "agent.log");
  const url = `http://${options.host}:8000`;
  let child: ChildProcess | undefined;
  let epoch = 0;

  const env: Record<string, string> = {
    PATH: process.env.PATH ?? "",
    HOME: dataDir,
    VALET_AGENT_HOST: options.host,
    VALET_SANDBOX_ID: "0b0e7f52-3a6e-4c56-9d0a-000000000001",
    VALET_AGENT_KEY: agentKey,
    VALET_AGENT_DATA_DIR: join(dataDir, "agent"),
    VALET_REGISTRY_URL: options.registryUrl,
    GH_DATA_DIR: ghDataDir,
    GH_SERVICE_SECRET: serviceSecret,
    VALET_LEASE_MS: String(options.leaseMs ?? 15_000),
    VALET_STOP_GRACE_MS: "3000",
    VALET_AGENT_ON_EXIT: "end",
    ...options.env,
  };

  async function start(): Promise<void> {
    const log = openSync(logFile, "a");
    child = spawn(process.execPath, [options.program], { env, stdio: ["ignore", log, log], cwd: dataDir });
    const ready = async () => (child?.exitCode !== null || (await fetch(`${url}/health`)).ok ? true : undefined);
    await waitFor("the agent", ready, { deadlineMs: 10_000 });
    if (child.exitCode !== null) throw new Error(`the agent ended: ${readFileSync(logFile, "utf8").slice(-1000)}`);
  }

  async function kill(signal: NodeJS.Signals): Promise<void> {
    const ending = child;
    if (!ending || ending.exitCode !== null || ending.signalCode !== null) return;
    const ended = new Promise((resolve) => ending.once("exit", resolve));
    ending.kill(signal);
    await ended;
  }

  async function signed(method: string, path: string, body?: unknown, signing: Signing = {}) {
    const text = body === undefined ? "" : typeof body === "string" ? body : JSON.stringify(body);
    const timestamp = String(signing.timestampMs ?? Date.now());
    const nonce = signing.nonce ?? randomUUID();
    const key = signing.key ?? agentKey;
    const response = await fetch(url + path, {
      method,
      headers: {
        "content-type": "application/json",
        [agentHeaders.timestamp]: timestamp,
        [agentHeaders.nonce]: nonce,
        [agentHeaders.signature]:
          signing.signature ?? signBytes(key, agentRequestBytes(timestamp, nonce, method, path, text)),
        ...signing.headers,
      },
      body: method === "GET" ? undefined : text,
    });
    const answer = await response.text();
    const stamped = response.headers.get(agentHeaders.timestamp) ?? "";
    const bytes = agentAnswerBytes(stamped, nonce, response.status, answer);
    if (!signatureMatches(agentKey, bytes, response.headers.get(agentHeaders.signature) ?? "")) {
      throw new Error(`the answer to ${method} ${path} is not signed: ${response.status} ${answer}`);
    }
    return { status: response.status, body: parse(answer) };
  }

  const agent: TestAgent = {
    url,
    frontApi: `http://${options.host}:3100`,
    frontWorker: `http://${options.host}:3101`,
    dataDir,
    ghDataDir,
    pid: () => child?.pid ?? 0,
    start,
    kill,
    signed,
    plain: (method, path, init = {}) => plainRequest(method, path.startsWith("http") ? path : url + path, init),
    health: async () => agentHealthSchema.parse(await (await fetch(`${url}/health`)).json()),
    nextEpoch: () => (epoch += 1),
    async deploy(tag, more = {}) {
      const deployId = randomUUID();
      const times = { min_healthy_ms: 100, healthy_deadline_ms: 15_000 };
      const command = {
        image_tag: tag,
        epoch: agent.nextEpoch(),
        deploy_id: deployId,
        order: "start-first",
        ...times,
        ...more,
      };
      const answer = await signed("POST", "/deploy", command);
      if (answer.status !== 200) throw new Error(`deploy of ${tag}: ${answer.status} ${JSON.stringify(answer.body)}`);
      return command.deploy_id;
    },
    outcome: (deployId) =>
      waitFor(`the end of deploy ${deployId}`, async () => {
        const response = await fetch(`${url}/deploys/${deployId}`);
        const deploy = response.ok ? agentDeploySchema.parse(await response.json()) : undefined;
        return deploy?.endedAt ? deploy : undefined;
      }),
    log: () => readFileSync(logFile, "utf8"),
    async destroy() {
      if (!child || child.exitCode !== null || child.signalCode !== null) await start();
      await kill("SIGTERM");
      rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 });
    },
  };
  try {
    await start();
  } catch (error) {
    await kill("SIGKILL");
    throw error;
  }
  return agent;
}

/** As curl sends it: fetch would add a Sec-Fetch-* header of its own, as a browser does. */
function plainRequest(method: string, url: string, { headers, body }: PlainInit) {
  return new Promise<{ status: number; body: Record<string, unknown> }>((resolve, reject) => {
    const sent = httpRequest(url, { method, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.once("error", reject);
      response.once("end", () =>
        resolve({ status: response.statusCode ?? 0, body: parse(Buffer.concat(chunks).toString("utf8")) }),
      );
    });
    sent.once("error", reject);
    sent.end(body);
  });
}

function parse(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch (error) {
    if (error instanceof SyntaxError) return { text };
    throw error;
  }
}
