import { z } from "zod";
import { idSchema } from "./common.ts";
import { admins, defineRoutes, operators, readers } from "./route.ts";
import {
  sandboxCreatedSchema,
  sandboxCreateSchema,
  sandboxListQuerySchema,
  sandboxPageSchema,
  sandboxPatchSchema,
  sandboxViewSchema,
} from "./sandboxes.ts";

const params = z.object({ id: idSchema });
const tag = "sandboxes";
/** An operator's cordon has one holder, the caller's name unless another is given: lifting it never lifts another's. */
export const cordonRequestSchema = z.strictObject({
  reason: z.string().min(1).max(500).default("cordoned by an operator"),
  holder: z.string().min(1).max(100).optional(),
});
export const uncordonRequestSchema = z.strictObject({ holder: z.string().min(1).max(100).optional() });

export const sandboxRoutes = defineRoutes({
  listSandboxes: {
    method: "GET",
    path: "/api/v1/admin/sandboxes",
    summary: "List sandboxes",
    tag,
    access: readers,
    query: sandboxListQuerySchema.strict(),
    response: sandboxPageSchema,
  },
  createSandbox: {
    method: "POST",
    path: "/api/v1/admin/sandboxes",
    summary: "Register a sandbox; its identity is shown once",
    tag,
    access: admins,
    status: 201,
    body: sandboxCreateSchema,
    response: sandboxCreatedSchema,
  },
  getSandbox: {
    method: "GET",
    path: "/api/v1/admin/sandboxes/:id",
    summary: "One sandbox with its slots, generations and cordons",
    tag,
    access: readers,
    params,
    response: sandboxViewSchema,
  },
  patchSandbox: {
    method: "PATCH",
    path: "/api/v1/admin/sandboxes/:id",
    summary: "Change its state (along the transition table), name, address, capacity or labels",
    tag,
    access: operators,
    params,
    body: sandboxPatchSchema,
    response: sandboxViewSchema,
  },
  deleteSandbox: {
    method: "DELETE",
    path: "/api/v1/admin/sandboxes/:id",
    summary: "Begin to terminate a sandbox; refused while tasks hold its slots",
    tag,
    access: admins,
    params,
    response: sandboxViewSchema,
  },
  cordonSandbox: {
    method: "POST",
    path: "/api/v1/admin/sandboxes/:id/cordon",
    summary: "Give it no new tasks",
    tag,
    access: operators,
    params,
    body: cordonRequestSchema,
    response: sandboxViewSchema,
  },
  uncordonSandbox: {
    method: "POST",
    path: "/api/v1/admin/sandboxes/:id/uncordon",
    summary: "Lift an operator's cordon",
    tag,
    access: operators,
    params,
    body: uncordonRequestSchema,
    response: sandboxViewSchema,
  },
});
