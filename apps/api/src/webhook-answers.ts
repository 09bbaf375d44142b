import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { sent } from "./mount.ts";

/** From one address. One is counted only after a bad signature, so good webhooks are never held up by bad ones. */
export const badSignaturesPerMinute = 60;
export const webhookBodyLimitBytes = 262_144;

/** The webhooks' own short errors, `{error: text}`: existing senders match on them. */
export function plainError(reply: FastifyReply, status: number, error: string): typeof sent {
  reply.code(status).type("application/json").serializer(JSON.stringify).send({ error });
  return sent;
}

export type Refuse = (request: FastifyRequest, reply: FastifyReply, error: string) => Promise<typeof sent>;

/** 401, or 429 for an address that keeps sending bad signatures. */
export function makeRefusal(app: FastifyInstance): Refuse {
  const countBad = app.createRateLimit({
    max: badSignaturesPerMinute,
    timeWindow: 60_000,
    keyGenerator: (request) => `bad-signature:${request.ip}`,
  });
  return async (request, reply, error) => {
    const count = await countBad(request);
    if (!count.isAllowed && count.isExceeded)
      return plainError(reply.header("retry-after", String(count.ttlInSeconds)), 429, "Too many bad signatures");
    return plainError(reply, 401, error);
  };
}

/** The exact bytes received; none when there was no body. */
export function bytesOf(request: FastifyRequest): Buffer {
  return Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
}

export function headerOf(request: FastifyRequest, name: string): string | null {
  const value = request.headers[name];
  return typeof value === "string" && value !== "" ? value : null;
}
