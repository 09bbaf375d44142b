import type { Role } from "@valet/shared";
import type { z } from "zod";

/** Who may call a route: nobody need log in, the webhook's signature is the login, a sandbox token, or these roles. */
export type RouteAccess = "public" | "signature" | "sandbox" | readonly Role[];

/** One HTTP endpoint. `response` absent: raw bytes or a stream. Paths have Fastify's `:name` parameters. */
export interface Route {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly path: `/${string}`;
  readonly summary: string;
  readonly tag: string;
  readonly access: RouteAccess;
  /** Status of success; 200 unless given. */
  readonly status?: number;
  readonly params?: z.ZodType;
  readonly query?: z.ZodType;
  readonly body?: z.ZodType;
  /** What a body looks like that the handler takes as raw bytes and parses itself, for the documentation. */
  readonly rawBody?: z.ZodType;
  readonly response?: z.ZodType;
}

/** Keeps the literal types of a group of routes. */
export function defineRoutes<const T extends Record<string, Route>>(routes: T): T {
  return routes;
}

export const everyone: readonly Role[] = ["client", "viewer", "operator", "admin"];
export const submitters: readonly Role[] = ["client", "operator", "admin"];
export const readers: readonly Role[] = ["viewer", "operator", "admin"];
export const operators: readonly Role[] = ["operator", "admin"];
export const admins: readonly Role[] = ["admin"];
