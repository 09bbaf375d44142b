import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import type { GenerationRecord, Generations } from "@valet/rollout/host";
import { sumWorkers } from "./worker-sum.ts";

/**
 * Port 3100: whatever is asked goes to the GH api of the newest accepting generation, streams included. When none accepts,
 * the newest that answers still serves reads.
 */
export function makeApiFront(generations: Generations): Server {
  return createServer((request, response) => {
    pickGeneration(generations)
      .then((record) => {
        if (!record)
          return sendJson(response, 503, { error: "unavailable", message: "no generation answers on this host" });
        forward(request, response, generations, record);
      })
      .catch((error: unknown) => sendJson(response, 500, { error: "internal", message: String(error) }));
  });
}

/** Port 3101: one worker to whoever asks, whatever runs behind it: jobs summed, drain for all. */
export function makeWorkerFront(generations: Generations): Server {
  return createServer((request, response) => {
    void answerWorker(generations, request, response).catch((error: unknown) => {
      sendJson(response, 500, { error: "internal", message: error instanceof Error ? error.message : String(error) });
    });
  });
}

async function answerWorker(
  generations: Generations,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const route = `${request.method} ${(request.url ?? "/").split("?")[0]}`;
  request.resume();
  switch (route) {
    case "GET /worker/status":
    case "GET /worker/health": {
      const sum = sumWorkers(await statuses(generations));
      if (!sum.ok) return sendJson(response, 503, { error: "unavailable", message: sum.error });
      return sendJson(response, 200, route === "GET /worker/status" ? sum.value.status : sum.value.health);
    }
    case "POST /worker/drain":
    case "POST /worker/undrain": {
      // A page in one of this host's browsers could post here too, but not without these headers.
      if (request.headers.origin !== undefined || request.headers["sec-fetch-site"] !== undefined) {
        return sendJson(response, 403, { error: "forbidden", message: "not for web pages" });
      }
      return drainAll(generations, route === "POST /worker/drain", response);
    }
    default:
      return sendJson(response, 404, { error: "not_found" });
  }
}

async function drainAll(generations: Generations, draining: boolean, response: ServerResponse): Promise<void> {
  const deaf = await generations.drainHost(draining, "operator");
  const sum = sumWorkers(await statuses(generations));
  if (deaf > 0 || !sum.ok) {
    return sendJson(response, 503, {
      error: "unavailable",
      message: sum.ok ? "a GH worker did not answer" : sum.error,
    });
  }
  const { active_jobs, worker_id } = sum.value.status;
  sendJson(response, 200, { status: draining ? "draining" : "accepting", active_jobs, worker_id });
}

async function statuses(generations: Generations) {
  return Promise.all(
    generations
      .live()
      .map(async (record) => ({ record, status: (await generations.gh(record).workerStatus()) ?? null })),
  );
}

/** Of a request that reached a generation, until its answer begins. */
const headTimeoutMs = 30_000;

/** The newest serving generation whose worker accepts; else the newest that answers at all. */
async function pickGeneration(generations: Generations): Promise<GenerationRecord | undefined> {
  // All are asked at once and heard newest first: an old one that hangs holds up nobody.
  const asked = generations.live().map((record) => ({ record, answer: generations.gh(record).workerStatus() }));
  const told: GenerationRecord[] = [];
  for (const { record, answer } of asked) {
    const status = await answer;
    if (record.state === "serving" && status?.accepting === true) return record;
    if (status) told.push(record);
  }
  return told.find((record) => record.state === "serving") ?? told[0];
}

function forward(
  request: IncomingMessage,
  response: ServerResponse,
  generations: Generations,
  record: GenerationRecord,
): void {
  const upstream = httpRequest(
    {
      host: generations.host,
      port: record.apiPort,
      method: request.method,
      path: request.url,
      headers: { ...request.headers, "x-valet-generation": String(record.generation) },
    },
    (answer) => {
      clearTimeout(headTimer);
      response.writeHead(answer.statusCode ?? 502, {
        ...answer.headers,
        "x-valet-generation": String(record.generation),
      });
      answer.pipe(response);
      answer.once("error", () => response.destroy());
    },
  );
  const headTimer = setTimeout(
    () => upstream.destroy(new Error(`no answer began within ${headTimeoutMs} ms`)),
    headTimeoutMs,
  );
  upstream.once("close", () => clearTimeout(headTimer));
  upstream.once("error", (error) => {
    if (response.headersSent) return void response.destroy();
    const message = `generation ${record.generation} did not answer: ${error.message}`;
    sendJson(response, 503, { error: "unavailable", message });
  });
  // A caller that goes away takes its request along.
  response.once("close", () => upstream.destroy());
  request.pipe(upstream);
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  if (response.headersSent) return;
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}
