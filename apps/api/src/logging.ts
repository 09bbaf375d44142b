import type { FastifyInstance } from "fastify";
import { type Logger, pino } from "pino";

/** Structured log, one event name a line. Headers, bodies and query strings are not logged: tokens travel in them. */
export function makeLogger(level: string): Logger {
  return pino({ level, base: { service: "valet-api" }, timestamp: pino.stdTimeFunctions.isoTime });
}

/** One line an answered request: changes and failures of ours always, reads and the sandboxes' chatter at debug. */
export function installRequestLog(app: FastifyInstance): void {
  app.addHook("onResponse", (request, reply, done) => {
    const line = {
      event: "request",
      requestId: request.id,
      method: request.method,
      // The route's pattern, or the path of an unknown one without its query.
      path: request.routeOptions.url ?? request.url.split("?")[0],
      status: reply.statusCode,
      durationMs: Math.round(reply.elapsedTime * 10) / 10,
      address: request.ip,
    };
    const isChange = request.method !== "GET" && request.routeOptions.config.access !== "sandbox";
    if (reply.statusCode >= 500) request.log.warn(line, "request");
    else if (isChange && reply.statusCode !== 401) request.log.info(line, "request");
    else request.log.debug(line, "request");
    done();
  });
}
