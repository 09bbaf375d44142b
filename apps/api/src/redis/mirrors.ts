import { recentDeployIds } from "@valet/db";
import type { Logger } from "pino";
import type { ApiContext } from "../context.ts";
import { loadDeployView } from "../views/deploy-view.ts";
import type { RedisConnection } from "./connection.ts";
import { makeDeployMirror } from "./deploy-mirror.ts";
import { makeLiveFanout } from "./live-fanout.ts";

/** Everything that is kept in Redis beside Postgres. */
export function startRedisMirrors(context: ApiContext, redis: RedisConnection, logger: Logger) {
  const { db, hub, clock } = context;
  const stopFanout = makeLiveFanout(redis, hub);
  const mirror = makeDeployMirror({
    redis,
    hub,
    logger,
    loadView: (id) => loadDeployView(db, id, clock.now()),
    recentIds: (limit) => recentDeployIds(db, limit),
  });
  return {
    async stop(): Promise<void> {
      stopFanout();
      await mirror.stop();
    },
  };
}
