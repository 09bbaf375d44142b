import { routes } from "@valet/contracts";
import { appendAudit, listAudit, redeemLoginLink, verifyAuditChain } from "@valet/db";
import { UserError } from "@valet/shared";
import type { FastifyInstance } from "fastify";
import type { ApiContext } from "../context.ts";
import { mount } from "../mount.ts";
import { pageView } from "../pagination.ts";
import type { UserPrincipal } from "../principal.ts";
import { issueSession, sessionCookieHeader, sessionSeconds } from "../session-token.ts";

const exchangesPerMinute = 30;

/** Logging in by one-time link, who am I, and the audit log. */
export function authRoutes(app: FastifyInstance, { db, config, clock }: ApiContext): void {
  const countExchange = app.createRateLimit({
    max: exchangesPerMinute,
    timeWindow: 60_000,
    keyGenerator: (request) => `login-link:${request.ip}`,
  });

  mount(app, routes.exchangeLoginLink, async ({ body, request, reply }) => {
    const count = await countExchange(request);
    if (!count.isAllowed && count.isExceeded)
      throw new UserError("rate_limited", "Too many login links tried from this address.", [], count.ttlInSeconds);
    const owner = await db.tx(async (tx) => {
      const redeemed = await redeemLoginLink(tx, body.token);
      if (redeemed)
        await appendAudit(tx, {
          actor: `${redeemed.role}:${redeemed.tenantId}/login-link`,
          action: "session.open",
          subject: redeemed.tenantId,
        });
      return redeemed;
    });
    if (!owner) throw new UserError("unauthorized", "This login link is unknown, expired or used. Ask for a new one.");
    const principal: UserPrincipal = { kind: "user", ...owner, name: "dashboard" };
    const { token, expiresAt } = issueSession(app, principal, clock.now());
    reply.header(
      "set-cookie",
      sessionCookieHeader(token, { secure: request.protocol === "https", maxAgeSeconds: sessionSeconds }),
    );
    const { tenantId, role, name } = principal;
    return { tenantId, role, name, environment: config.VALET_ENVIRONMENT, token, expiresAt };
  });

  mount(app, routes.logout, async ({ request, reply }) => {
    reply.header("set-cookie", sessionCookieHeader("", { secure: request.protocol === "https", maxAgeSeconds: 0 }));
    return { loggedOut: true as const };
  });

  mount(app, routes.me, async ({ principal }) => {
    const { tenantId, role, name } = principal;
    return { tenantId, role, name, environment: config.VALET_ENVIRONMENT };
  });

  mount(app, routes.listAudit, async ({ query }) =>
    pageView(await listAudit(db, query), query, ({ prevHash: _prevHash, at, ...row }) => ({
      ...row,
      at: at.toISOString(),
    })),
  );

  mount(app, routes.verifyAudit, async () => {
    const verified = await verifyAuditChain(db);
    return verified.ok
      ? { intact: true, entries: verified.value.rows, brokenAtSeq: null }
      : { intact: false, entries: verified.error.seq, brokenAtSeq: verified.error.seq };
  });
}
