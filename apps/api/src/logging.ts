import type { FastifyRequest } from "fastify";
import { type Logger, pino } from "pino";

/** Structured log, one event name a line. Headers, bodies and query strings are not logged: tokens travel in them. */
export function makeLogger(level: string): Logger {
  return pino({
    level,
    base: { service: "valet-api" },
    timestamp: pino.stdTimeFunctions.isoTime,
    serializers: { req: (request: FastifyRequest) => loggedRequest(request) },
  });
}

export function loggedRequest(request: Pick<FastifyRequest, "method" | "url" | "ip">) {
  return { method: request.method, path: request.url.split("?")[0], address: request.ip };
}
