import { createRoute, type OpenAPIHono } from "@hono/zod-openapi";
import { ghMonitoringSchema } from "@valet/contracts";
import type { HostClock } from "../runtime/host-clock.ts";
import { hasEnded } from "./job-book.ts";
import type { WorkerLink, WorkerLinks } from "./worker-links.ts";

const route = createRoute({
  method: "get",
  path: "/monitoring/workers",
  responses: { 200: { description: "Workers", content: { "application/json": { schema: ghMonitoringSchema } } } },
});

/** GET /monitoring/workers (CONTRACTS section 4). */
export function addMonitoringRoute(app: OpenAPIHono, deps: { links: WorkerLinks; clock: HostClock }): void {
  app.openapi(route, (c) => {
    const workers = deps.links.list().map((link) => monitored(link, deps.links.isLost(link)));
    return c.json({ count: workers.length, workers, timestamp: new Date(deps.clock.wallMs()).toISOString() }, 200);
  });
}

function monitored(link: WorkerLink, isLost: boolean) {
  const { inventory } = link;
  const current = inventory.jobs.find((job) => !hasEnded(job));
  const alive = inventory.draining ? ("draining" as const) : current ? ("busy" as const) : ("idle" as const);
  return {
    worker_id: inventory.worker_id,
    status: isLost ? ("lost" as const) : alive,
    target_worker_id: inventory.target_worker_id,
    current_job_id: current?.job_id ?? null,
    registered_at: new Date(link.registeredAtMs).toISOString(),
    last_heartbeat: new Date(link.confirmedAtMs).toISOString(),
    jobs_completed: inventory.jobs_completed,
    jobs_failed: inventory.jobs_failed,
    uptime_seconds: inventory.uptime_seconds,
  };
}
