import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { applyPage } from "./apply-page.ts";
import { confirmationPage, homePage, notFoundPage, openings, readPage } from "./pages.ts";
import type { SubmissionLog } from "./submission-log.ts";

const maxBodyBytes = 10 * 1024 * 1024;
const maxDelayMs = 30_000;

/**
 * A careers page with an application form, for browsers to work on. It takes whatever is posted as often as it is posted: who
 * applies twice is in the log twice.
 */
export function makeSite(log: SubmissionLog): Server {
  return createServer((request, response) => {
    answer(request, response, log).catch((error: unknown) => {
      process.stderr.write(`${JSON.stringify({ event: "request_failed", url: request.url, error: String(error) })}\n`);
      if (!response.headersSent) response.writeHead(500);
      response.end();
    });
  });
}

async function answer(request: IncomingMessage, response: ServerResponse, log: SubmissionLog): Promise<void> {
  const url = new URL(request.url ?? "/", "http://site");
  const route = `${request.method} ${url.pathname}`;
  switch (route) {
    case "GET /":
      return html(response, 200, homePage());
    case "GET /apply":
      return html(response, 200, applyPage(url.searchParams.get("ref") ?? ""));
    case "POST /applications":
      return submit(request, response, log);
    case "GET /read":
      return html(response, 200, readPage(delayOf(url)));
    case "GET /read/openings":
      await sleep(delayOf(url));
      return json(response, openings);
    case "GET /submissions": {
      const reference = url.searchParams.get("reference");
      const submissions = (await log.all()).filter((one) => reference === null || one.reference === reference);
      return json(response, { count: submissions.length, submissions });
    }
    default:
      return html(response, 404, notFoundPage());
  }
}

async function submit(request: IncomingMessage, response: ServerResponse, log: SubmissionLog): Promise<void> {
  const body = await bodyOf(request);
  if (!body) return html(response, 413, notFoundPage("The application is too large"));
  const headers = { "content-type": request.headers["content-type"] ?? "" };
  const form = await new Response(new Uint8Array(body), { headers }).formData();
  const text = (name: string) => {
    const value = form.get(name);
    return typeof value === "string" ? value : "";
  };
  const document = form.get("document");
  const submission = await log.append({
    reference: text("reference"),
    receivedAt: new Date().toISOString(),
    name: `${text("firstName")} ${text("lastName")}`.trim(),
    position: text("position"),
    document: document instanceof File && document.size > 0 ? { name: document.name, bytes: document.size } : null,
  });
  html(response, 201, confirmationPage(submission));
}

async function bodyOf(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length;
    if (bytes > maxBodyBytes) return undefined;
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}

function delayOf(url: URL): number {
  const ms = Number(url.searchParams.get("ms") ?? 1500);
  return Number.isFinite(ms) ? Math.min(maxDelayMs, Math.max(0, ms)) : 1500;
}

function html(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { "content-type": "text/html; charset=utf-8", "cache-control": "no-store" }).end(body);
}

function json(response: ServerResponse, body: unknown): void {
  response
    .writeHead(200, { "content-type": "application/json", "cache-control": "no-store" })
    .end(JSON.stringify(body));
}
