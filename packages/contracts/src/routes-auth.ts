import { environments } from "@valet/shared";
import { z } from "zod";
import { isoTimeSchema, pageOf, paginationQuerySchema, roleSchema } from "./common.ts";
import { admins, defineRoutes, everyone, readers } from "./route.ts";

export const healthSchema = z.object({
  status: z.enum(["ok", "degraded"]),
  service: z.literal("valet-api"),
  version: z.string(),
  environment: z.enum(environments),
  /** `disabled`: not configured. A Redis that is away degrades nothing that matters, so it is named and no more. */
  dependencies: z.object({ database: z.enum(["ok", "down"]), redis: z.enum(["ok", "down", "disabled"]) }),
  uptimeSeconds: z.number(),
  timestamp: isoTimeSchema,
});
export const meSchema = z.object({
  tenantId: z.string(),
  role: roleSchema,
  name: z.string(),
  environment: z.enum(environments),
});
export const loginLinkExchangeSchema = z.strictObject({ token: z.string().min(1).max(200) });
/** The session is also set as cookie `valet_session`; `token` is for clients without cookies. */
export const loginSchema = meSchema.extend({ token: z.string(), expiresAt: isoTimeSchema });
export const auditEntrySchema = z.object({
  seq: z.number().int(),
  at: isoTimeSchema,
  actor: z.string(),
  action: z.string(),
  subject: z.string(),
  data: z.record(z.string(), z.unknown()),
  hash: z.string(),
});
export const auditListQuerySchema = paginationQuerySchema
  .extend({
    /** Exactly this subject: an id or a name. `search` looks into actor and action. */
    subject: z.string().max(200).optional(),
  })
  .strict();
export const auditPageSchema = pageOf(auditEntrySchema);

export const authRoutes = defineRoutes({
  health: {
    method: "GET",
    path: "/api/v1/health",
    summary: "Is the API sound? 503 when the database is away",
    tag: "health",
    access: "public",
    response: healthSchema,
  },
  exchangeLoginLink: {
    method: "POST",
    path: "/api/v1/auth/login-link/exchange",
    summary: "Exchange a one-time login link for a session",
    tag: "auth",
    access: "public",
    body: loginLinkExchangeSchema,
    response: loginSchema,
  },
  logout: {
    method: "POST",
    path: "/api/v1/auth/logout",
    summary: "Forget the session cookie",
    tag: "auth",
    access: "public",
    response: z.object({ loggedOut: z.literal(true) }),
  },
  me: {
    method: "GET",
    path: "/api/v1/auth/me",
    summary: "Who am I?",
    tag: "auth",
    access: everyone,
    response: meSchema,
  },
  listAudit: {
    method: "GET",
    path: "/api/v1/admin/audit",
    summary: "Every change, who made it, hash-chained",
    tag: "audit",
    access: readers,
    query: auditListQuerySchema,
    response: auditPageSchema,
  },
  verifyAudit: {
    method: "GET",
    path: "/api/v1/admin/audit/verify",
    summary: "Recompute the audit log's hash chain",
    tag: "audit",
    access: admins,
    response: z.object({ intact: z.boolean(), entries: z.number().int(), brokenAtSeq: z.number().int().nullable() }),
  },
});
