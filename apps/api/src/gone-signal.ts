import type { FastifyReply } from "fastify";

/** Aborts when the caller's connection ends before we answered. */
export function goneSignal(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  reply.raw.once("close", () => gone.abort(new Error("the caller left")));
  return gone.signal;
}
