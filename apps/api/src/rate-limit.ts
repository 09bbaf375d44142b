import { createHash } from "node:crypto";
import rateLimit from "@fastify/rate-limit";
import { UserError } from "@valet/shared";
import type { FastifyInstance } from "fastify";

/**
 * One budget a minute for each token (or address without one), so that a noisy client slows nobody else. Counted before anybody
 * is authenticated. Sandbox sessions, probes and webhooks are not counted here.
 */
export async function installRateLimit(app: FastifyInstance, maxPerMinute: number): Promise<void> {
  await app.register(rateLimit, {
    global: true,
    max: maxPerMinute,
    timeWindow: 60_000,
    cache: 20_000,
    keyGenerator: (request) => {
      const credential = request.headers.authorization ?? request.headers.cookie;
      return credential ? createHash("sha256").update(credential).digest("base64url") : request.ip;
    },
    errorResponseBuilder: (_request, context) =>
      new UserError(
        "rate_limited",
        `More than ${context.max} requests a minute. Try again in ${Math.ceil(context.ttl / 1000)} s.`,
        [],
        Math.ceil(context.ttl / 1000),
      ),
  });
}
