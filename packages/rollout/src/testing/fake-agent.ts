import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { agentDeployCommandSchema } from "@valet/contracts";
import { agentAnswerBytes, agentHeaders, agentRequestBytes, signatureMatches, signBytes } from "@valet/contracts/node";
import type { CommandAnswer } from "../driver.ts";
import type { FakeHost } from "../drivers/fake-host.ts";

/** The agent's wire protocol over a fake host: what the agent driver is tested against without real processes. */
export interface FakeAgent {
  url: string;
  /** Requests that arrived, as `METHOD path`. */
  readonly seen: string[];
  /** Added to the agent's clock. */
  skewMs: number;
  /** Answers before anything else when set. */
  intercept: ((request: IncomingMessage, response: ServerResponse) => boolean) | null;
  /** Signs with this instead of the sandbox's key. */
  wrongKey: string | null;
  close(): Promise<void>;
}

const oldestMs = 60_000;

export async function startFakeAgent(host: FakeHost, key: string): Promise<FakeAgent> {
  const agent: FakeAgent = {
    url: "",
    seen: [],
    skewMs: 0,
    intercept: null,
    wrongKey: null,
    close: () => new Promise((resolve) => void (server.closeAllConnections(), server.close(() => resolve()))),
  };
  const server: Server = createServer((request, response) => void answer(request, response));

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? "/";
    agent.seen.push(`${request.method} ${path}`);
    if (agent.intercept?.(request, response)) return;
    let body = "";
    for await (const chunk of request) body += String(chunk);
    const now = Date.now() + agent.skewMs;
    const header = (name: string) => String(request.headers[name] ?? "");
    const stamp = header(agentHeaders.timestamp);
    const nonce = header(agentHeaders.nonce);
    const bytes = agentRequestBytes(stamp, nonce, request.method ?? "GET", path, body);
    const isFresh = Math.abs(now - Number(stamp)) <= oldestMs;
    const isGenuine = signatureMatches(key, bytes, header(agentHeaders.signature));
    const [status, json] =
      isFresh && isGenuine
        ? await run(path, body)
        : [401, { error: "unauthorized", message: "bad signature or clock" }];
    const text = JSON.stringify(json);
    const at = String(now);
    response.writeHead(status, {
      "content-type": "application/json",
      [agentHeaders.timestamp]: at,
      [agentHeaders.signature]: signBytes(agent.wrongKey ?? key, agentAnswerBytes(at, nonce, status, text)),
    });
    response.end(text);
  }

  async function run(path: string, body: string): Promise<[number, unknown]> {
    const { signal } = new AbortController();
    if (path === "/health") return [200, host.health()];
    const json = JSON.parse(body) as Record<string, unknown>;
    const order = { sandboxId: host.sandboxId, deployId: String(json.deploy_id), epoch: Number(json.epoch) };
    if (path === "/deploy") {
      const command = agentDeployCommandSchema.safeParse(json);
      if (!command.success) return [400, { error: "Invalid image_tag format" }];
      const answered = await host.driver.deploy(order, command.data, signal);
      return reply(answered, { image_tag: command.data.image_tag, deploy_id: order.deployId });
    }
    const driver = host.driver;
    const end = /^\/generations\/(\d+)\/end$/.exec(path);
    if (end) {
      const which = { generation: Number(end[1]), force: json.force === true };
      return reply(await driver.endGeneration(order, which, signal), { epoch: order.epoch });
    }
    const commands: Record<string, () => Promise<CommandAnswer>> = {
      "/settle": () => driver.settle(order, { generation: Number(json.generation), rollbackWindowMs: 0 }, signal),
      "/rollback": () => driver.rollback(order, { digest: String(json.image_digest) }, signal),
      "/drain": () => driver.drain(order, signal),
      "/undrain": () => driver.undrain(order, signal),
      "/fence": () => driver.fence(order, signal),
    };
    const command = commands[path];
    return command ? reply(await command(), { epoch: order.epoch }) : [404, { error: "not_found" }];
  }

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  agent.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return agent;
}

function reply(answered: CommandAnswer, more: Record<string, unknown>): [number, unknown] {
  if (answered.ok) return [200, { success: true, message: answered.value.message, ...more }];
  const { error } = answered;
  if (error.kind === "stale") return [409, { error: "stale_epoch", message: error.message, epoch: error.epoch }];
  if (error.kind === "busy") return [409, { error: "deploy_running", message: error.message }];
  return [400, { error: error.kind, message: error.message }];
}
