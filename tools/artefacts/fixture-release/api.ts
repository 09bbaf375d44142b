// A stand-in for the GHOST-HANDS API in tests of installation and rollout: the same contract on the wire, no browser behind it.
import { createServer } from "node:http";
import { attestRelease } from "@valet/contracts/node";

declare const __GH_VERSION__: string;

const {
  GH_API_HOST,
  GH_API_PORT,
  GH_WORKER_HOST,
  GH_WORKER_PORT,
  GH_RELEASE_DIR = "",
  GH_SERVICE_SECRET,
} = process.env;
const attested = await attestRelease(GH_RELEASE_DIR);
if (!attested.ok) throw new Error(attested.error.message);
const { digest } = attested.value;
const worker = `http://${GH_WORKER_HOST}:${GH_WORKER_PORT}`;

const server = createServer((request, response) => {
  const answer = (status: number, body: unknown) => {
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify(body));
  };
  const url = request.url ?? "/";
  if (url === "/health") {
    const timestamp = new Date().toISOString();
    return answer(200, {
      status: "ok",
      service: "ghosthands",
      version: __GH_VERSION__,
      timestamp,
      image_digest: digest,
    });
  }
  if (request.headers["x-gh-service-key"] !== GH_SERVICE_SECRET) return answer(401, { error: "unauthorized" });
  if (url.startsWith("/api/v1/gh/feed")) return answer(200, { workers: [{ spare_error: "the browser ended with 1" }] });
  if (url === "/api/v1/gh/jobs/stream/events") {
    response.writeHead(200, { "content-type": "text/event-stream" });
    let sent = 0;
    const timer = setInterval(() => {
      sent += 1;
      response.write(`data: ${__GH_VERSION__} ${sent}\n\n`);
      if (sent < 3) return;
      clearInterval(timer);
      response.end();
    }, 100);
    return undefined;
  }
  if (url.startsWith("/api/v1/gh/jobs")) {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = request.method === "POST" ? Buffer.concat(chunks).toString("utf8") : undefined;
      fetch(`${worker}/fixture${url.slice("/api/v1/gh".length)}`, { method: request.method, body })
        .then(async (reply) => answer(reply.status, await reply.json()))
        .catch((error: Error) => answer(503, { error: "unavailable", message: error.message }));
    });
    return undefined;
  }
  return answer(404, { error: "not_found" });
});
server.listen(Number(GH_API_PORT), GH_API_HOST);
process.on("SIGTERM", () => process.exit(0));
