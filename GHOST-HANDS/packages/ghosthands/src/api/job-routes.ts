import { createRoute, z, type OpenAPIHono } from "@hono/zod-openapi";
import { ghJobCreatedSchema, ghJobCreateSchema, ghJobStatuses, ghJobViewSchema } from "@valet/contracts";
import { streamSSE } from "hono/streaming";
import { hasEnded, jobIdOf, type JobBook, type JobRecord } from "./job-book.ts";
import { readBody, readQuery } from "./request-input.ts";
import type { WorkerLinks } from "./worker-links.ts";

interface Deps {
  jobs: JobBook;
  links: WorkerLinks;
}

const errorSchema = z.object({ error: z.string(), message: z.string().optional() });
const json = <S extends z.ZodType>(schema: S, description: string) => ({
  description,
  content: { "application/json": { schema } },
});
const invalidSchema = z.object({
  error: z.literal("validation_error"),
  details: z.array(z.object({ field: z.string(), message: z.string(), code: z.string() })),
});
const listQuerySchema = z.object({
  status: z.enum(ghJobStatuses).optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
});
const jobParams = z.object({ id: z.string() });
const stored = { 404: json(errorSchema, "No such job"), 409: json(errorSchema, "Not in this state") };

const createJobRoute = createRoute({
  method: "post",
  path: "/api/v1/gh/jobs",
  responses: {
    201: json(ghJobCreatedSchema, "Taken"),
    400: json(errorSchema, "Not JSON"),
    409: json(ghJobCreatedSchema, "This idempotency key was used before"),
    422: json(invalidSchema, "Which fields are wrong"),
    503: json(errorSchema, "No worker takes jobs"),
  },
});

/** /api/v1/gh/jobs (CONTRACTS section 4). */
export function addJobRoutes(app: OpenAPIHono, { jobs, links }: Deps): void {
  app.openAPIRegistry.registerPath({ ...createJobRoute, request: { body: json(ghJobCreateSchema, "The job") } });
  app.post(createJobRoute.path, async (c) => {
    const input = await readBody(c, ghJobCreateSchema);
    if (!input.ok) return input.error;
    const job = input.value;
    const jobId = jobIdOf(job.idempotency_key);
    const known = jobs.get(jobId);
    if (known) return c.json({ ...created(known), duplicate: true }, 409);
    // A leased job is passed on even so: its refusal must be journalled, for the control plane to place it elsewhere at once.
    if (!job.lease && links.list().some((link) => link.inventory.draining && !links.isLost(link))) {
      c.header("retry-after", "5");
      return c.json({ error: "draining", message: "this worker is draining and takes no jobs" }, 503);
    }
    const record = jobs.create(jobId, job);
    links.send({ type: "start", job_id: jobId, job });
    return c.json(created(record), 201);
  });

  app.get("/api/v1/gh/jobs", (c) => {
    const query = readQuery(c, listQuerySchema);
    if (!query.ok) return query.error;
    const { status, limit } = query.value;
    const views = jobs.list().map((job) => job.view);
    const matching = views.filter((view) => status === undefined || view.status === status);
    return c.json({ count: matching.length, jobs: matching.slice(-limit) });
  });

  app.openapi(
    createRoute({
      method: "get",
      path: "/api/v1/gh/jobs/{id}",
      request: { params: jobParams },
      responses: { 200: json(ghJobViewSchema, "The job"), ...stored },
    }),
    (c) => {
      const job = jobs.get(c.req.valid("param").id);
      return job ? c.json(job.view, 200) : c.json({ error: "not_found" }, 404);
    },
  );

  app.openapi(
    createRoute({
      method: "post",
      path: "/api/v1/gh/jobs/{id}/cancel",
      request: { params: jobParams },
      responses: { 202: json(ghJobViewSchema, "Being cancelled"), ...stored },
    }),
    (c) => {
      const job = jobs.get(c.req.valid("param").id);
      if (!job) return c.json({ error: "not_found" }, 404);
      if (hasEnded(job.view)) return c.json({ error: "already_ended", message: `the job is ${job.view.status}` }, 409);
      links.send({ type: "cancel", job_id: job.view.job_id });
      return c.json(job.view, 202);
    },
  );

  app.openapi(
    createRoute({
      method: "post",
      path: "/api/v1/gh/jobs/{id}/retry",
      request: { params: jobParams },
      responses: { 201: json(ghJobCreatedSchema, "A new job"), ...stored },
    }),
    (c) => {
      const job = jobs.get(c.req.valid("param").id);
      if (!job) return c.json({ error: "not_found" }, 404);
      const refusal = retryRefusal(job);
      if (refusal || !job.spec) return c.json({ error: "not_retryable", message: refusal ?? "unknown" }, 409);
      const spec = { ...job.spec, idempotency_key: `${job.spec.idempotency_key}#${crypto.randomUUID()}` };
      const jobId = jobIdOf(spec.idempotency_key);
      const record = jobs.create(jobId, spec);
      links.send({ type: "start", job_id: jobId, job: spec });
      return c.json(created(record), 201);
    },
  );

  app.get("/api/v1/gh/jobs/:id/events", (c) => {
    const job = jobs.get(c.req.param("id"));
    if (!job) return c.json({ error: "not_found" }, 404);
    const after = Number(c.req.header("last-event-id") ?? 0);
    return streamSSE(c, async (stream) => {
      let last = Number.isInteger(after) && after > 0 ? after : 0;
      while (!stream.aborted) {
        for (const event of [...job.events.values()].sort((a, b) => a.seq - b.seq)) {
          if (event.seq <= last) continue;
          last = event.seq;
          await stream.writeSSE({ id: String(event.seq), event: event.type, data: JSON.stringify(event) });
          if (event.type === "finished") return;
        }
        if (hasEnded(job.view) && !job.events.has(last + 1)) return;
        await job.changed.wait(15_000, c.req.raw.signal);
        await stream.write(": still here\n\n");
      }
    });
  });
}

function created({ view }: JobRecord) {
  const { job_id, valet_task_id, status, created_at } = view;
  return { job_id, valet_task_id, status, created_at };
}

/** Why a job cannot be tried again here; null when it can. */
function retryRefusal(job: JobRecord): string | null {
  if (!hasEnded(job.view)) return `the job is ${job.view.status}: only an ended job can be tried again`;
  if (job.view.status === "completed") return "the job is completed";
  if (job.view.lease_id !== null) return "VALET owns this task: retry it there";
  if (!job.spec) return "this process restarted and no longer holds the job's steps: submit it again";
  return null;
}
