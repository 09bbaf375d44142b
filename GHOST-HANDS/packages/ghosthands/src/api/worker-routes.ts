import type { OpenAPIHono } from "@hono/zod-openapi";
import { ghFeedPostSchema, ghInventorySchema, ghWire } from "@valet/contracts";
import { z } from "zod";
import type { FeedLog } from "./feed-log.ts";
import type { JobBook } from "./job-book.ts";
import { readBody, readQuery } from "./request-input.ts";
import type { WorkerLinks } from "./worker-links.ts";

const pollSchema = z.object({
  boot_id: z.string(),
  /** Number of the last command this worker has dealt with. */
  after: z.coerce.number().int().min(0).default(0),
  wait_ms: z.coerce.number().int().min(0).max(30_000).default(25_000),
});

interface Deps {
  bootId: string;
  jobs: JobBook;
  feed: FeedLog;
  links: WorkerLinks;
}

/** /internal/workers: the link to the GH worker. Every refusal of 409 `unknown_worker` means: register again. */
export function addWorkerRoutes(app: OpenAPIHono, { bootId, jobs, feed, links }: Deps): void {
  const unknown = { error: "unknown_worker", message: "not registered here: register again", api_boot_id: bootId };

  app.post("/internal/workers/register", async (c) => {
    const input = await readBody(c, ghInventorySchema);
    if (!input.ok) return input.error;
    const wire = Math.min(input.value.wire.max, ghWire.max);
    if (wire < Math.max(input.value.wire.min, ghWire.min)) {
      const message = `this api speaks wire ${ghWire.min} to ${ghWire.max}`;
      return c.json({ error: "wire_mismatch", message }, 409);
    }
    links.register(input.value);
    return c.json({ wire, api_boot_id: bootId });
  });

  app.post("/internal/workers/:id/confirm", async (c) => {
    const input = await readBody(c, ghInventorySchema);
    if (!input.ok) return input.error;
    if (!links.confirm(input.value)) return c.json(unknown, 409);
    return c.json({ wire: Math.min(input.value.wire.max, ghWire.max), api_boot_id: bootId });
  });

  app.get("/internal/workers/:id/commands", async (c) => {
    const query = readQuery(c, pollSchema);
    if (!query.ok) return query.error;
    const link = links.link(c.req.param("id"), query.value.boot_id);
    if (!link) return c.json(unknown, 409);
    const { commands, cursor } = await link.queue.take(query.value.after, query.value.wait_ms, c.req.raw.signal);
    return c.json({ commands, api_boot_id: bootId, cursor });
  });

  app.post("/internal/workers/:id/feed", async (c) => {
    const input = await readBody(c, ghFeedPostSchema);
    if (!input.ok) return input.error;
    jobs.record(input.value.entries, c.req.param("id"));
    // A local job is nobody's but this api's: the control plane never hears of it.
    feed.append(input.value.entries.filter((entry) => entry.lease_id !== ""));
    return c.json({ api_boot_id: bootId });
  });
}
