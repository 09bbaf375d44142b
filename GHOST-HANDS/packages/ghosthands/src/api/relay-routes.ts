import type { OpenAPIHono } from "@hono/zod-openapi";
import { ghCommandsPostSchema, type GhFeed } from "@valet/contracts";
import { z } from "zod";
import type { HostClock } from "../runtime/host-clock.ts";
import type { FeedLog } from "./feed-log.ts";
import { readBody, readQuery } from "./request-input.ts";
import type { WorkerLinks } from "./worker-links.ts";

const feedQuerySchema = z.object({
  cursor: z.coerce.number().int().min(0).default(0),
  /** The api boot that the cursor belongs to; with another one the feed starts from its beginning. */
  api_boot_id: z.string().default(""),
  wait_ms: z.coerce.number().int().min(0).max(30_000).default(25_000),
});

interface Deps {
  bootId: string;
  clock: HostClock;
  feed: FeedLog;
  links: WorkerLinks;
}

/** The sandbox worker's link: the feed up, the commands down. */
export function addRelayRoutes(app: OpenAPIHono, { bootId, clock, feed, links }: Deps): void {
  app.get("/api/v1/gh/feed", async (c) => {
    const query = readQuery(c, feedQuerySchema);
    if (!query.ok) return query.error;
    const isOurs = query.value.api_boot_id === bootId;
    const cursor = isOurs ? query.value.cursor : 0;
    if (isOurs) await feed.wait(cursor, query.value.wait_ms, c.req.raw.signal);
    const answer: GhFeed = {
      api_boot_id: bootId,
      ...feed.read(cursor),
      // A targeted worker has none of the slots: its inventory says nothing about their attempts.
      workers: links.own().map((link) => ({
        ...link.inventory,
        confirmed_ago_ms: clock.monoMs() - link.confirmedAtMonoMs,
      })),
    };
    return c.json(answer);
  });

  app.post("/api/v1/gh/commands", async (c) => {
    const input = await readBody(c, ghCommandsPostSchema);
    if (!input.ok) return input.error;
    let undelivered = 0;
    for (const command of input.value.commands) if (links.send(command) === "no_worker") undelivered += 1;
    if (undelivered === 0) return c.json({ accepted: input.value.commands.length, api_boot_id: bootId });
    c.header("retry-after", "1");
    return c.json({ error: "no_worker", message: "no GH worker is registered here yet", undelivered }, 503);
  });
}
