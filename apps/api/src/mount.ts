import type { CallOutput, Route } from "@valet/contracts";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { z } from "zod";
import { type SandboxPrincipal, type UserPrincipal, principalOf } from "./principal.ts";

type Parsed<R, K extends string> = R extends { readonly [P in K]: infer S extends z.ZodType } ? z.output<S> : undefined;
type PrincipalFor<R> = R extends { readonly access: infer A }
  ? A extends "sandbox"
    ? SandboxPrincipal
    : A extends readonly string[]
      ? UserPrincipal
      : null
  : never;

export interface Call<R> {
  params: Parsed<R, "params">;
  query: Parsed<R, "query">;
  body: Parsed<R, "body">;
  principal: PrincipalFor<R>;
  request: FastifyRequest;
  reply: FastifyReply;
}

/** What a handler answers once it has sent something itself through `reply`: bytes, a stream, a webhook's own error. */
export const sent = Symbol("sent");

export interface MountOptions {
  bodyLimitBytes?: number;
  /** Not counted by the general rate limit: sandbox sessions, webhooks, probes. */
  uncounted?: boolean;
}

/**
 * Serves one route of the table: its schemas validate what comes in and shape what goes out, its access decides who may call.
 */
export function mount<R extends Route>(
  app: FastifyInstance,
  route: R,
  handler: (call: Call<R>) => Promise<CallOutput<R> | typeof sent>,
  options: MountOptions = {},
): void {
  app.route({
    method: route.method,
    url: route.path,
    schema: {
      summary: route.summary,
      tags: [route.tag],
      ...(route.params ? { params: route.params } : {}),
      ...(route.query ? { querystring: route.query } : {}),
      ...(route.body ? { body: route.body } : {}),
      ...(route.response ? { response: responsesOf(route, route.response) } : {}),
      security: securityOf(route),
    },
    ...(options.bodyLimitBytes ? { bodyLimit: options.bodyLimitBytes } : {}),
    config: {
      access: route.access,
      ...(route.rawBody ? { rawBody: route.rawBody } : {}),
      ...(options.uncounted ? { rateLimit: false } : {}),
    },
    handler: async (request, reply) => {
      if (route.status) reply.code(route.status);
      // What the schemas of this very route gave: the types say the same.
      const call = {
        params: request.params,
        query: request.query,
        body: request.body,
        principal: principalOf(request),
        request,
        reply,
      };
      const answer = await handler(call as unknown as Call<R>);
      return answer === sent ? reply : answer;
    },
  });
}

/** What was created answers 201; the same again (an idempotent submit) 200. */
function responsesOf(route: Route, schema: z.ZodType): Record<number, z.ZodType> {
  return route.status ? { 200: schema, [route.status]: schema } : { 200: schema };
}

function securityOf(route: Route): Record<string, string[]>[] {
  if (route.access === "public") return [];
  if (route.access === "signature") return [{ webhookSignature: [] }];
  if (route.access === "sandbox") return [{ sandboxToken: [] }];
  return [{ apiToken: [] }, { session: [] }];
}
