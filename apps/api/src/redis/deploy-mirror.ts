import type { DeployView } from "@valet/contracts";
import type { Logger } from "pino";
import { makeBatch } from "../batch.ts";
import type { LiveHub } from "../live/hub.ts";
import type { RedisConnection } from "./connection.ts";

const recordSeconds = 24 * 3600;
const recentKey = "deploys:recent";
const mostRecent = 50;

export interface DeployMirror {
  stop(): Promise<void>;
}

/**
 * Keeps `deploy:<id>` (JSON, 24 h) and `deploys:recent` (ids, newest first, 50) in step with Postgres: at each change that the
 * live events tell of, and wholly whenever Redis is connected anew or was found empty. Nothing reads them back.
 */
export function makeDeployMirror(deps: {
  redis: RedisConnection;
  hub: LiveHub;
  logger: Logger;
  loadView: (id: string) => Promise<DeployView | null>;
  recentIds: (limit: number) => Promise<string[]>;
}): DeployMirror {
  const { redis, hub, logger } = deps;
  const onError = (cause: unknown) =>
    logger.warn({ event: "deploy_mirror_failed", err: cause }, "a deploy could not be written to Redis");
  const write = async (id: string) => {
    const view = await deps.loadView(id);
    if (!view) return;
    const record = JSON.stringify({ ...view, status: view.state });
    await redis.attempt("mirror a deploy", (client) => client.set(`deploy:${id}`, record, "EX", recordSeconds));
  };
  const writeRecent = async (): Promise<readonly string[]> => {
    const ids = await deps.recentIds(mostRecent);
    await redis.attempt("mirror the recent deploys", async (client) => {
      const writes = client.multi().del(recentKey);
      if (ids.length > 0) writes.rpush(recentKey, ...ids);
      await writes.exec();
      return true;
    });
    return ids;
  };
  const batch = makeBatch<string>(async (ids) => {
    const known = await redis.attempt("count the recent deploys", (client) => client.llen(recentKey));
    const recent = await writeRecent();
    // An empty list beside existing deploys: Redis was flushed. Write everything again.
    const all = known === 0 ? [...new Set([...recent, ...ids])] : ids;
    for (const id of all) await write(id);
  }, onError);
  const unsubscribe = hub.subscribe((event) => {
    const id = event.payload.deployId;
    if (typeof id === "string") batch.add(id);
  });
  redis.onConnect(async () => {
    for (const id of await writeRecent()) batch.add(id);
  });
  return {
    async stop() {
      unsubscribe();
      await batch.settled();
    },
  };
}
