import type { Database } from "@valet/db";
import type { Clock, LeaseTimes } from "@valet/shared";
import type { AssignmentBoard } from "./assignment-board.ts";
import type { ApiConfig } from "./config.ts";
import type { LiveHub } from "./live/hub.ts";
import type { AutoDeploy } from "./redis/auto-deploy.ts";
import type { RelayBoard } from "./relay-board.ts";
import type { RedisConnection } from "./redis/connection.ts";

/** What routes work with. Built once by app.ts. */
export interface ApiContext {
  db: Database;
  config: ApiConfig;
  clock: Clock;
  times: LeaseTimes;
  hub: LiveHub;
  board: AssignmentBoard;
  relayBoard: RelayBoard;
  redis: RedisConnection | null;
  autoDeploy: AutoDeploy;
  /** Aborts at shutdown: ends long-polls and streams. */
  stopping: AbortSignal;
}
