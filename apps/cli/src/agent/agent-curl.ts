import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { agentAnswerBytes, agentHeaders, agentRequestBytes, signBytes, signatureMatches } from "@valet/contracts/node";
import { deadlineSignal } from "@valet/shared";
import type { AgentCurlFlags } from "../commands/agent.ts";
import type { CliContext } from "../context.ts";
import { explain } from "../explain.ts";
import { CliFailure, type ExitCode, exitCodes, usageFailure } from "../failure.ts";

const limitBytes = 1_000_000;
const keyName = "VALET_AGENT_KEY";

interface Answer {
  status: number;
  body: string;
  /** The agent's own time; from its signed headers. */
  timestamp: string;
  isSigned: boolean;
}

/** Signs a request with the sandbox's key, prints the answer's body, and fails when the answer is refused or not the agent's. */
export async function agentCurl(
  context: CliContext,
  method: string,
  path: string,
  flags: AgentCurlFlags,
): Promise<ExitCode> {
  const baseUrl = addressOf(flags.host ?? "127.0.0.1:8000");
  const key = await readKey(context, flags.keyFile);
  const body = flags.data === undefined ? "" : await readData(context, flags.data);
  const request = { baseUrl, method, path, body, key, timeoutMs: flags.timeoutMs ?? 30_000 };
  let answer = await send(context, request, String(context.io.clock.now()));
  if (answer.status === 401 && answer.isSigned) {
    // It knows the key and refused our time: once more with its own. Unsigned, nobody could make us sign for another time.
    answer = await send(context, request, answer.timestamp);
  }
  if (!answer.isSigned && path !== "/" && path !== "/health") {
    throw new CliFailure(
      `The answer of ${baseUrl} to ${method} ${path} (HTTP ${answer.status}) is not signed with this key`,
      {
        code: "unsigned_answer",
        hint:
          answer.status === 401 ? "Use this sandbox's own key." : "Something else may answer there: do not trust it.",
      },
    );
  }
  context.io.stdout.write(context.json ? `${jsonText(answer)}\n` : ensureLine(answer.body));
  if (answer.status < 400) return exitCodes.done;
  context.io.stderr.write(`valet: ${baseUrl} refused ${method} ${path}: HTTP ${answer.status}.\n`);
  return exitCodes.failed;
}

interface SignedRequest {
  baseUrl: string;
  method: string;
  path: string;
  body: string;
  key: string;
  timeoutMs: number;
}

async function send(context: CliContext, request: SignedRequest, timestamp: string): Promise<Answer> {
  const { baseUrl, method, path, body, key } = request;
  const nonce = randomBytes(16).toString("hex");
  const signature = signBytes(key, agentRequestBytes(timestamp, nonce, method, path, body));
  try {
    const response = await fetch(baseUrl + path, {
      method,
      headers: {
        [agentHeaders.timestamp]: timestamp,
        [agentHeaders.nonce]: nonce,
        [agentHeaders.signature]: signature,
        ...(body === "" ? {} : { "content-type": "application/json" }),
      },
      ...(body === "" ? {} : { body }),
      redirect: "error",
      signal: deadlineSignal(request.timeoutMs, context.io.signal),
    });
    const text = await response.text();
    const answeredAt = response.headers.get(agentHeaders.timestamp) ?? "";
    const answered = agentAnswerBytes(answeredAt, nonce, response.status, text);
    const isSigned = signatureMatches(key, answered, response.headers.get(agentHeaders.signature) ?? "");
    return { status: response.status, body: text, timestamp: answeredAt, isSigned };
  } catch (error) {
    throw notReached(error, baseUrl, `${method} ${path}`);
  }
}

function notReached(error: unknown, baseUrl: string, call: string): CliFailure {
  const failure = explain(error, { what: `send ${call} to the agent`, apiUrl: baseUrl });
  if (failure.code !== "connection") return failure;
  const hint = "Is the sandbox up, and its agent (port 8000) reachable from here? Name it with --host.";
  return new CliFailure(failure.message, { code: failure.code, hint, cause: error });
}

function addressOf(host: string): string {
  const address = `http://${host}`;
  const url = URL.canParse(address) ? new URL(address) : null;
  if (!url || url.pathname !== "/" || url.username !== "" || url.search !== "" || host.endsWith("/")) {
    throw usageFailure(`--host ${host} is not a host name or address with an optional port`, "Such as 10.0.0.7:8000.");
  }
  return `http://${url.hostname}:${url.port || (host.endsWith(":80") ? "80" : "8000")}`;
}

/** From the file (a bare key, or an identity.env with VALET_AGENT_KEY=…), else from the environment; never from a flag. */
async function readKey(context: CliContext, keyFile: string | undefined): Promise<string> {
  if (keyFile === undefined) {
    const key = context.variables.VALET_AGENT_KEY;
    if (key) return key;
    throw usageFailure("No agent key is given", `Use --key-file or set ${keyName}; it is in the host's identity.env.`);
  }
  const text = await readNamed(context, keyFile, "--key-file");
  const line = text.split("\n").find((candidate) => candidate.trim().startsWith(`${keyName}=`));
  const key = line ? line.trim().slice(keyName.length + 1) : text.trim();
  if (key === "" || /\s/.test(key)) {
    throw usageFailure(`--key-file ${keyFile} holds no key`, `It must hold the bare key or a line ${keyName}=….`);
  }
  return key;
}

async function readData(context: CliContext, data: string): Promise<string> {
  const text = data === "@-" ? await context.io.readStdin(limitBytes) : await inlineOrFile(context, data);
  try {
    JSON.parse(text);
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw usageFailure(`--data is not JSON: ${cause.message}`, "Agents take JSON bodies.");
  }
  return text;
}

function inlineOrFile(context: CliContext, data: string): Promise<string> {
  return data.startsWith("@") ? readNamed(context, data.slice(1), "--data") : Promise.resolve(data);
}

async function readNamed(context: CliContext, path: string, flag: string): Promise<string> {
  try {
    return await readFile(resolve(context.io.folder, path), "utf8");
  } catch (cause) {
    throw usageFailure(
      `${flag}: could not read ${path} (${(cause as NodeJS.ErrnoException).code})`,
      "Name a readable file.",
    );
  }
}

/** The body as the one document; text that is no JSON as a string. */
function jsonText(answer: Answer): string {
  try {
    return JSON.stringify(JSON.parse(answer.body), null, 2);
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    return JSON.stringify(answer.body);
  }
}

function ensureLine(text: string): string {
  return text === "" || text.endsWith("\n") ? text : `${text}\n`;
}
