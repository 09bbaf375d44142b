import { type Database, sandboxesByTokens, tokenOwner } from "@valet/db";
import { type Clock, UserError } from "@valet/shared";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { makeLookup } from "./batch.ts";
import { type Principal, type SandboxPrincipal, type UserPrincipal, assertAllowed } from "./principal.ts";
import { cookieOf, readSession, sessionCookie } from "./session-token.ts";
import { rememberTokens } from "./token-memory.ts";

/** Failed logins an address may have in a minute before it is told 429 instead of 401; good tokens are never held up. */
export const failedLoginsPerMinute = 120;
const longestToken = 4_000;

/**
 * Finds out who asks and whether they may. Runs before validation, so that a stranger learns nothing of what an endpoint takes,
 * and after the rate limit.
 */
export function installAuthentication(app: FastifyInstance, tokens: Tokens): void {
  const countFailure = app.createRateLimit({
    max: failedLoginsPerMinute,
    timeWindow: 60_000,
    keyGenerator: (request) => `failed-login:${request.ip}`,
  });
  app.decorateRequest("principal", null);
  app.addHook("preValidation", async (request) => {
    const access = request.routeOptions.config.access;
    if (access === undefined || access === "public" || access === "signature") return;
    request.principal = await identify(tokens, request);
    if (request.principal === null && tokenOf(request) !== null) {
      const failures = await countFailure(request);
      if (!failures.isAllowed && failures.isExceeded)
        throw new UserError("rate_limited", "Too many bad tokens from this address.", [], failures.ttlInSeconds);
    }
    assertAllowed(access, request.principal);
  });
}

/** Finds out whose a token is. */
export interface Tokens {
  /** Who holds this API token or session; null when nobody does. */
  userOf(token: string): Promise<UserPrincipal | null>;
  /** The sandbox whose own token this is; null when it is none's. */
  sandboxOf(token: string): Promise<SandboxPrincipal | null>;
}

export function makeTokens(app: FastifyInstance, db: Database, clock: Clock): Tokens {
  const ownerOf = rememberTokens((token) => tokenOwner(db, token), clock);
  const sandboxOf = rememberTokens(
    makeLookup((wanted: readonly string[]) => sandboxesByTokens(db, wanted)),
    clock,
  );
  return {
    async userOf(token) {
      if (token.length > longestToken) return null;
      if (token.split(".").length === 3) return readSession(app, token);
      const owner = await ownerOf(token);
      return owner ? { kind: "user", tenantId: owner.tenantId, role: owner.role, name: owner.name } : null;
    },
    async sandboxOf(token) {
      const sandbox = token.length > longestToken ? undefined : await sandboxOf(token);
      return sandbox ? { kind: "sandbox", sandboxId: sandbox.id } : null;
    },
  };
}

async function identify(tokens: Tokens, request: FastifyRequest): Promise<Principal | null> {
  const token = tokenOf(request);
  if (token === null) return null;
  if (request.routeOptions.config.access !== "sandbox") return tokens.userOf(token);
  return (await tokens.sandboxOf(token)) ?? tokens.userOf(token);
}

function tokenOf(request: FastifyRequest): string | null {
  const bearer = /^Bearer +([^\s]+)$/i.exec(request.headers.authorization ?? "")?.[1];
  return bearer ?? cookieOf(request.headers.cookie, sessionCookie);
}
