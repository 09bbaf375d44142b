import type { FastifyInstance } from "fastify";

const lookMs = 50;
/** Requests that have not ended by then are cut off. */
const graceMs = 5_000;

/**
 * Lets a closing server end: connections that stay open after their last answer (keep-alive) are closed as they fall idle, and
 * after the grace all that are left.
 */
export function installClosing(app: FastifyInstance): void {
  let timer: NodeJS.Timeout | undefined;
  app.addHook("preClose", async () => {
    const startedAt = performance.now();
    timer = setInterval(() => {
      if (performance.now() - startedAt > graceMs) app.server.closeAllConnections();
      else app.server.closeIdleConnections();
    }, lookMs);
  });
  app.addHook("onClose", async () => clearInterval(timer));
}
