import { type Database, sandboxByToken, tokenOwner } from "@valet/db";
import { UserError } from "@valet/shared";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { type Principal, assertAllowed } from "./principal.ts";
import { cookieOf, readSession, sessionCookie } from "./session-token.ts";

/** Failed logins an address may have in a minute before it is told 429 instead of 401; good tokens are never held up. */
export const failedLoginsPerMinute = 120;

/**
 * Finds out who asks and whether they may. Runs before validation, so that a stranger learns nothing of what an endpoint takes,
 * and after the rate limit.
 */
export function installAuthentication(app: FastifyInstance, db: Database): void {
  const countFailure = app.createRateLimit({
    max: failedLoginsPerMinute,
    timeWindow: 60_000,
    keyGenerator: (request) => `failed-login:${request.ip}`,
  });
  app.decorateRequest("principal", null);
  app.addHook("preValidation", async (request) => {
    const access = request.routeOptions.config.access;
    if (access === undefined || access === "public" || access === "signature") return;
    request.principal = await identify(app, db, request);
    if (request.principal === null && tokenOf(request) !== null) {
      const failures = await countFailure(request);
      if (!failures.isAllowed && failures.isExceeded)
        throw new UserError("rate_limited", "Too many bad tokens from this address.", [], failures.ttlInSeconds);
    }
    assertAllowed(access, request.principal);
  });
}

/** Who holds this API token or session; null when nobody does. */
export async function principalOfToken(app: FastifyInstance, db: Database, token: string): Promise<Principal | null> {
  if (token.length > 4000) return null;
  if (token.split(".").length === 3) return readSession(app, token);
  const owner = await tokenOwner(db, token);
  return owner ? { kind: "user", tenantId: owner.tenantId, role: owner.role, name: owner.name } : null;
}

async function identify(app: FastifyInstance, db: Database, request: FastifyRequest): Promise<Principal | null> {
  const token = tokenOf(request);
  if (token === null) return null;
  if (request.routeOptions.config.access === "sandbox") {
    const sandbox = await sandboxByToken(db, token);
    if (sandbox) return { kind: "sandbox", sandboxId: sandbox.id };
  }
  return principalOfToken(app, db, token);
}

function tokenOf(request: FastifyRequest): string | null {
  const bearer = /^Bearer +([^\s]+)$/i.exec(request.headers.authorization ?? "")?.[1];
  return bearer ?? cookieOf(request.headers.cookie, sessionCookie);
}
