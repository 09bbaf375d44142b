import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { diskError, type OpenHost } from "@valet/rollout/host";
import { errorStatus } from "@valet/shared";
import { agentHeaders } from "@valet/contracts/node";
import { type Authenticator, type IncomingRequest, isNonce, isPlainLocal } from "./authenticate.ts";
import { type Answer, type Caller, findCommand, refuse } from "./commands.ts";
import { metricsText } from "./metrics.ts";
import { probePage } from "./probe-page.ts";
import { readLogs } from "./read-logs.ts";
import type { Views } from "./views.ts";

export interface AppDeps {
  open: OpenHost;
  views: Views;
  authenticator: Authenticator;
  now: () => number;
  log(event: string, fields: Record<string, unknown>): void;
}

const largestBodyBytes = 64 * 1024;
const bodyTimeoutMs = 10_000;

/** The agent's HTTP side: who asks, may they, and what is answered. Everything that changes something is a command. */
export function makeApp(deps: AppDeps): Server {
  const server = createServer((request, response) => {
    handle(deps, request)
      .catch((error: unknown) => failed(deps, request.url, error))
      .then((answer) => send(response, answer))
      .catch((error: unknown) => deps.log("answer_failed", { error: String(error) }));
  });
  server.requestTimeout = 30_000;
  server.headersTimeout = 10_000;
  return server;
}

async function handle(deps: AppDeps, message: IncomingMessage): Promise<Answer> {
  const body = await readBody(message);
  if (body === undefined) {
    const answer = refuse(errorStatus.body_too_large, "body_too_large", "bodies are at most 64 kB");
    const nonce = flatten(message.headers)[agentHeaders.nonce];
    const signed = isNonce(nonce) ? sign(deps, answer, nonce) : answer;
    return { ...signed, headers: { ...signed.headers, connection: "close" } };
  }
  const request: IncomingRequest = {
    method: message.method ?? "GET",
    path: message.url ?? "/",
    headers: flatten(message.headers),
    body,
    peerAddress: message.socket.remoteAddress ?? "",
  };
  return answerTo(deps, request);
}

/**
 * What happens to a request, whichever way it came: identified, answered, and signed when it was signed. A failure too: unsigned, its
 * reason would never reach the caller, for whom an unsigned answer is no answer.
 */
export async function answerTo(deps: AppDeps, request: IncomingRequest): Promise<Answer> {
  const caller = deps.authenticator.identify(request);
  if (caller.kind === "refused") return challenge(deps, caller.reason, caller.nonce);
  const answer = await route(deps, request, caller).catch((error: unknown) => failed(deps, request.path, error));
  return caller.kind === "signed" ? sign(deps, answer, caller.nonce) : answer;
}

/** The answer to a request that broke: nothing was acted on, for the ledger and the state are written before that. */
export function failed(deps: AppDeps, path: string | undefined, error: unknown): Answer {
  deps.log("request_failed", { path, error: error instanceof Error ? error.message : String(error) });
  const disk = diskError(error, deps.open.host.config.dataDir);
  if (disk && !disk.ok) return refuse(errorStatus.unavailable, "unavailable", disk.error.message);
  return refuse(500, "internal", "see the agent's log");
}

async function route(deps: AppDeps, request: IncomingRequest, caller: Caller): Promise<Answer> {
  if (!URL.canParse(request.path, "http://agent")) return refuse(400, "bad_request", "the path cannot be read");
  const url = new URL(request.path, "http://agent");
  if (request.method === "GET" || request.method === "HEAD") return view(deps, url, caller);
  if (request.method !== "POST") return refuse(405, "method_not_allowed", "use GET or POST");
  const command = findCommand(url.pathname);
  if (!command) return refuse(404, "not_found", `there is no ${url.pathname} here`);
  const isManual = caller.kind === "anonymous" && command.isOpenToLocal && isPlainLocal(request);
  if (caller.kind !== "signed" && !isManual) {
    return challenge(deps, `POST ${url.pathname} must be signed with this sandbox's key`, undefined);
  }
  return command.run(deps, request.body, caller);
}

async function view(deps: AppDeps, url: URL, caller: Caller): Promise<Answer> {
  // Ids need no escapes: one that has them names no deploy.
  const deployId = /^\/deploys\/([^/]{1,64})$/.exec(url.pathname)?.[1];
  if (deployId !== undefined) {
    const deploy = deps.open.deployer.find(deployId);
    return deploy ? { status: 200, body: deploy } : refuse(404, "not_found", `no deploy ${deployId} on this host`);
  }
  switch (url.pathname) {
    case "/":
    case "/health":
      return { status: 200, body: await deps.views.health() };
    case "/generations":
      return { status: 200, body: { generations: await deps.views.generations() } };
    case "/workers":
      return { status: 200, body: { workers: await deps.open.targetedWorkers.list() } };
    case "/metrics":
      return text("text/plain; version=0.0.4; charset=utf-8", metricsText(await deps.views.health()));
    case "/probe":
      return text("text/html; charset=utf-8", probePage);
    case "/logs":
      if (caller.kind !== "signed")
        return challenge(deps, "reading logs must be signed with this sandbox's key", undefined);
      return readLogs(deps.open.host.config, url.searchParams);
    default:
      return refuse(404, "not_found", `there is no ${url.pathname} here`);
  }
}

const text = (type: string, body: string): Answer => ({ status: 200, body, headers: { "content-type": type } });

/** 401 with our time in it, signed when there is a nonce to sign for: a client whose clock is off learns ours and tries again. */
function challenge(deps: AppDeps, reason: string, nonce: string | undefined): Answer {
  const answer = refuse(401, "unauthorized", reason);
  answer.body = { ...(answer.body as object), time: deps.now() };
  return nonce === undefined ? answer : sign(deps, answer, nonce);
}

function sign(deps: AppDeps, answer: Answer, nonce: string): Answer {
  const body = typeof answer.body === "string" ? answer.body : JSON.stringify(answer.body);
  const type = answer.headers?.["content-type"] ?? "application/json";
  const signature = deps.authenticator.signAnswer(nonce, answer.status, body);
  return { status: answer.status, body, headers: { ...answer.headers, "content-type": type, ...signature } };
}

function send(response: ServerResponse, { status, body, headers }: Answer): void {
  const bytes = Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
  response.writeHead(status, { "content-type": "application/json", ...headers, "content-length": bytes.byteLength });
  response.end(bytes);
}

/** The whole body as text; undefined when it is larger than allowed. */
async function readBody(message: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  message.setTimeout(bodyTimeoutMs, () => message.destroy());
  for await (const chunk of message as AsyncIterable<Buffer>) {
    bytes += chunk.byteLength;
    if (bytes > largestBodyBytes) return undefined;
    chunks.push(chunk);
  }
  message.setTimeout(0);
  return Buffer.concat(chunks).toString("utf8");
}

function flatten(headers: IncomingMessage["headers"]): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(", ") : value]),
  );
}
