import { roleSchema } from "@valet/contracts";
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import type { UserPrincipal } from "./principal.ts";

export const sessionCookie = "valet_session";
/** 12 h: a working day. */
export const sessionSeconds = 12 * 3600;
const claimsSchema = z.object({ tenantId: z.string(), role: roleSchema, name: z.string(), exp: z.number() });

/** A session JWT (HS256) for the dashboard, and when it ends. */
export function issueSession(app: FastifyInstance, principal: UserPrincipal, nowMs: number) {
  const { tenantId, role, name } = principal;
  const token = app.jwt.sign({ tenantId, role, name }, { expiresIn: sessionSeconds });
  return { token, expiresAt: new Date(nowMs + sessionSeconds * 1000).toISOString() };
}

/** null: forged, expired or not a session at all. */
export function readSession(app: FastifyInstance, token: string): UserPrincipal | null {
  let claims: unknown;
  try {
    claims = app.jwt.verify(token);
  } catch (cause) {
    if (!(cause instanceof Error)) throw cause;
    return null;
  }
  const parsed = claimsSchema.safeParse(claims);
  if (!parsed.success) return null;
  const { tenantId, role, name } = parsed.data;
  return { kind: "user", tenantId, role, name };
}

/** HttpOnly and SameSite=Strict: no script reads it, no other site sends it. `Secure` wherever the request came by TLS. */
export function sessionCookieHeader(token: string, options: { secure: boolean; maxAgeSeconds: number }): string {
  const secure = options.secure ? "; Secure" : "";
  return `${sessionCookie}=${token}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${options.maxAgeSeconds}${secure}`;
}

export function cookieOf(header: string | undefined, name: string): string | null {
  for (const part of (header ?? "").split(";")) {
    const at = part.indexOf("=");
    if (at > 0 && part.slice(0, at).trim() === name) return part.slice(at + 1).trim();
  }
  return null;
}
