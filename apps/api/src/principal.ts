import type { RouteAccess } from "@valet/contracts";
import { type Role, UserError } from "@valet/shared";
import type { FastifyRequest } from "fastify";
import type { z } from "zod";

/** A person or a program with an API token or a session. */
export interface UserPrincipal {
  kind: "user";
  tenantId: string;
  role: Role;
  name: string;
}
/** A sandbox worker, known by its sandbox's own token. */
export interface SandboxPrincipal {
  kind: "sandbox";
  sandboxId: string;
}
export type Principal = UserPrincipal | SandboxPrincipal;

declare module "fastify" {
  interface FastifyRequest {
    principal: Principal | null;
  }
  interface FastifyContextConfig {
    access?: RouteAccess;
    /** Documented only: the handler parses the bytes itself. */
    rawBody?: z.ZodType;
  }
}

export function principalOf(request: FastifyRequest): Principal | null {
  return request.principal;
}

/** Who did it, in audit rows. */
export function actorOf(principal: UserPrincipal): string {
  return `${principal.role}:${principal.tenantId}/${principal.name}`;
}

/** True when two actors are one person, whatever role they came with. */
export function isSamePerson(one: string, other: string): boolean {
  const nameOf = (actor: string) => actor.slice(actor.indexOf(":") + 1);
  return nameOf(one) === nameOf(other);
}

/** The tenant whose rows this principal may see; null when it may see everyone's. */
export function tenantScopeOf(principal: UserPrincipal): string | null {
  return principal.role === "client" ? principal.tenantId : null;
}

/** Throws 401 or 403 unless the principal may call a route with this access. */
export function assertAllowed(access: RouteAccess, principal: Principal | null): void {
  if (access === "public" || access === "signature") return;
  if (principal === null)
    throw new UserError(
      "unauthorized",
      access === "sandbox"
        ? "Send this sandbox's token as Authorization: Bearer."
        : "Send an API token or a session as Authorization: Bearer, or log in.",
    );
  if (access === "sandbox") {
    if (principal.kind !== "sandbox") throw new UserError("forbidden", "Only a sandbox's own token may do this.");
    return;
  }
  if (principal.kind === "sandbox") throw new UserError("forbidden", "A sandbox's token opens /api/v1/sandbox only.");
  if (!access.includes(principal.role))
    throw new UserError("forbidden", `The role ${principal.role} may not do this; it takes ${access.join(" or ")}.`);
}
