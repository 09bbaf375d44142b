import type { FastifyInstance } from "fastify";

const preflightSeconds = 600;
const allowedHeaders = "authorization, content-type, idempotency-key, last-event-id";
const exposedHeaders = "retry-after, idempotency-replayed";

/**
 * Lets a dashboard on another origin (VALET_WEB_ORIGINS) call the API with its bearer token. Cookies stay on our own origin: no
 * credentials are allowed across.
 */
export function installCors(app: FastifyInstance, origins: readonly string[]): void {
  if (origins.length === 0) return;
  app.addHook("onRequest", async (request, reply) => {
    reply.header("vary", "Origin");
    const { origin } = request.headers;
    if (origin === undefined || !origins.includes(origin)) return undefined;
    reply.header("access-control-allow-origin", origin).header("access-control-expose-headers", exposedHeaders);
    if (request.method !== "OPTIONS" || request.headers["access-control-request-method"] === undefined)
      return undefined;
    return reply
      .code(204)
      .header("access-control-allow-methods", "GET, POST, PUT, PATCH, DELETE")
      .header("access-control-allow-headers", allowedHeaders)
      .header("access-control-max-age", String(preflightSeconds))
      .send();
  });
}
