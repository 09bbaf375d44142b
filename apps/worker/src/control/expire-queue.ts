import { type Database, expireQueued } from "@valet/db";
import type { Log } from "../log.ts";
import type { ControlLoop } from "./loop.ts";

/** Ends tasks that waited longer than their queueTimeoutMs. */
export function expireQueueLoop({ db, log }: { db: Database; log: Log }): ControlLoop {
  return {
    name: "expire-queue",
    everyMs: 1_000,
    async round() {
      const expired = await db.tx((tx) => expireQueued(tx));
      for (const taskId of expired) log.info({ event: "task_expired", taskId });
      return "idle";
    },
  };
}
