import type { GhInventory, GhWorkerStatus } from "@valet/contracts";
import { Hono } from "hono";

export interface StatusServerDeps {
  inventory: () => GhInventory;
  activeJobs: () => number;
  drain: () => void;
  undrain: () => void;
  isRunning: () => boolean;
  nowMs: () => number;
  uptimeMs: () => number;
}

/** The worker's status server (CONTRACTS section 3). Health is always 200: busy is not unhealthy. */
export function makeStatusServer(deps: StatusServerDeps): Hono {
  const app = new Hono();
  const drained = (status: "draining" | "accepting") => ({
    status,
    active_jobs: deps.activeJobs(),
    worker_id: deps.inventory().worker_id,
  });

  app.get("/worker/status", (c) => c.json(statusOf(deps)));
  app.get("/worker/health", (c) => {
    const { accepting, draining } = deps.inventory();
    const active = deps.activeJobs();
    const status = draining ? "draining" : active > 0 ? "busy" : "idle";
    return c.json({ status, active_jobs: active, deploy_safe: active === 0, accepting });
  });
  app.post("/worker/drain", (c) => {
    deps.drain();
    return c.json(drained("draining"));
  });
  app.post("/worker/undrain", (c) => {
    deps.undrain();
    return c.json(drained("accepting"));
  });
  app.notFound((c) => c.json({ error: "not_found" }, 404));
  return app;
}

function statusOf(deps: StatusServerDeps): GhWorkerStatus {
  const inventory = deps.inventory();
  const active = deps.activeJobs();
  return {
    worker_id: inventory.worker_id,
    active_jobs: active,
    max_concurrent: inventory.max_concurrent,
    is_running: deps.isRunning(),
    is_draining: inventory.draining,
    uptime_ms: Math.round(deps.uptimeMs()),
    timestamp: new Date(deps.nowMs()).toISOString(),
    deploy_safe: active === 0,
    accepting: inventory.accepting,
    generation: inventory.generation,
    image_tag: inventory.image_tag,
    image_digest: inventory.image_digest,
    boot_id: inventory.boot_id,
    spare: inventory.spare,
    slots: inventory.slots,
  };
}
