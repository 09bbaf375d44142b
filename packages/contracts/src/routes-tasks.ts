import { z } from "zod";
import { idSchema } from "./common.ts";
import { defineRoutes, everyone, operators, submitters } from "./route.ts";
import {
  artifactViewSchema,
  taskListQuerySchema,
  taskPageSchema,
  taskReviewSchema,
  taskSubmitSchema,
  taskViewSchema,
  taskWhySchema,
} from "./tasks.ts";

const params = z.object({ id: idSchema });
const tag = "tasks";
export const taskReasonSchema = z.strictObject({ reason: z.string().max(500).default("") });

export const taskRoutes = defineRoutes({
  /** Header `Idempotency-Key`: the same key and body again answers 200 with the same task. */
  submitTask: {
    method: "POST",
    path: "/api/v1/tasks",
    summary: "Submit a task; 201, or 200 when the Idempotency-Key was seen before",
    tag,
    access: submitters,
    status: 201,
    body: taskSubmitSchema,
    response: taskViewSchema,
  },
  listTasks: {
    method: "GET",
    path: "/api/v1/tasks",
    summary: "List tasks; a client sees its tenant's",
    tag,
    access: everyone,
    query: taskListQuerySchema.strict(),
    response: taskPageSchema,
  },
  getTask: {
    method: "GET",
    path: "/api/v1/tasks/:id",
    summary: "One task with its attempts, result and artifacts",
    tag,
    access: everyone,
    params,
    response: taskViewSchema,
  },
  /** Server-sent events: `id` is a cursor for Last-Event-ID, `event` the type, `data` a TaskEvent; ends with the task. */
  taskEvents: {
    method: "GET",
    path: "/api/v1/tasks/:id/events",
    summary: "The task's events as they happen (server-sent, resumable by Last-Event-ID)",
    tag,
    access: everyone,
    params,
  },
  whyTask: {
    method: "GET",
    path: "/api/v1/tasks/:id/why",
    summary: "What a waiting task waits for",
    tag,
    access: everyone,
    params,
    response: taskWhySchema,
  },
  cancelTask: {
    method: "POST",
    path: "/api/v1/tasks/:id/cancel",
    summary: "Cancel a task; a running one stops its browser first",
    tag,
    access: submitters,
    params,
    body: taskReasonSchema,
    response: taskViewSchema,
  },
  retryTask: {
    method: "POST",
    path: "/api/v1/tasks/:id/retry",
    summary: "Submit a failed, cancelled, timed out or expired task again, as a new task",
    tag,
    access: submitters,
    status: 201,
    params,
    body: taskReasonSchema,
    response: taskViewSchema,
  },
  reviewTask: {
    method: "POST",
    path: "/api/v1/tasks/:id/review",
    summary: "Decide a task in needs_review: completed, failed or restart",
    tag,
    access: operators,
    params,
    body: taskReviewSchema,
    response: taskViewSchema,
  },
  listArtifacts: {
    method: "GET",
    path: "/api/v1/tasks/:id/artifacts",
    summary: "Screenshots and files of a task",
    tag,
    access: everyone,
    params,
    response: z.object({ data: z.array(artifactViewSchema) }),
  },
  /** Raw bytes with the stored content type. */
  getArtifact: {
    method: "GET",
    path: "/api/v1/tasks/:id/artifacts/:artifactId",
    summary: "One artifact's bytes",
    tag,
    access: everyone,
    params: params.extend({ artifactId: idSchema }),
  },
});
