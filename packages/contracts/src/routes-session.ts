import { z } from "zod";
import { idSchema } from "./common.ts";
import { defineRoutes } from "./route.ts";
import {
  acknowledgedSchema,
  acknowledgeSchema,
  artifactStoredSchema,
  assignmentsQuerySchema,
  assignmentsSchema,
  eventsReplySchema,
  eventsRequestSchema,
  heartbeatReplySchema,
  heartbeatSchema,
  permitReplySchema,
  permitRequestSchema,
  sessionOpenedSchema,
  sessionOpenSchema,
} from "./session.ts";

const params = z.object({ id: idSchema });
const tag = "sandbox session";
const access = "sandbox";

/** What a sandbox worker calls. 409 `conflict` on a session route: a newer session replaced this one, open again. */
export const sessionRoutes = defineRoutes({
  openSession: {
    method: "POST",
    path: "/api/v1/sandbox/session",
    summary: "Open the sandbox's one live session",
    tag,
    access,
    status: 201,
    body: sessionOpenSchema,
    response: sessionOpenedSchema,
  },
  closeSession: {
    method: "DELETE",
    path: "/api/v1/sandbox/session/:id",
    summary: "Close the session; running tasks are not touched",
    tag,
    access,
    params,
    response: z.object({ closed: z.literal(true) }),
  },
  assignments: {
    method: "GET",
    path: "/api/v1/sandbox/session/:id/assignments",
    summary: "Long-poll: answers as soon as there is an assignment, a cancel or a newer plan",
    tag,
    access,
    params,
    query: assignmentsQuerySchema,
    response: assignmentsSchema,
  },
  acknowledge: {
    method: "POST",
    path: "/api/v1/sandbox/session/:id/acknowledge",
    summary: "Take an assignment; nothing starts before the 200",
    tag,
    access,
    params,
    body: acknowledgeSchema,
    response: acknowledgedSchema,
  },
  heartbeat: {
    method: "POST",
    path: "/api/v1/sandbox/session/:id/heartbeat",
    summary: "Renew the leases of confirmed attempts",
    tag,
    access,
    params,
    body: heartbeatSchema,
    response: heartbeatReplySchema,
  },
  permit: {
    method: "POST",
    path: "/api/v1/sandbox/session/:id/permit",
    summary: "May this write step be done now? 409 stale_fence when not ours",
    tag,
    access,
    params,
    body: permitRequestSchema,
    response: permitReplySchema,
  },
  sessionEvents: {
    method: "POST",
    path: "/api/v1/sandbox/session/:id/events",
    summary: "Relay journal entries; idempotent",
    tag,
    access,
    params,
    body: eventsRequestSchema,
    response: eventsReplySchema,
  },
  /** Raw body, its content type is kept. */
  putArtifact: {
    method: "PUT",
    path: "/api/v1/sandbox/session/:id/artifacts/:taskId/:fence/:name",
    summary: "Store an artifact of an attempt; the same again is the same",
    tag,
    access,
    status: 201,
    params: params.extend({
      taskId: idSchema,
      fence: z.coerce.number().int().min(1),
      name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/, "1 to 200 letters, digits or . _ -"),
    }),
    response: artifactStoredSchema,
  },
});
