import { type Database, expireUnacknowledged } from "@valet/db";
import type { LeaseTimes } from "@valet/shared";
import type { Log } from "../log.ts";
import type { ControlLoop } from "./loop.ts";

/** Assignments that no sandbox worker took in time go back to the queue; a sandbox that keeps silent is quarantined. */
export function expireUnacknowledgedLoop({
  db,
  times,
  log,
}: {
  db: Database;
  times: LeaseTimes;
  log: Log;
}): ControlLoop {
  return {
    name: "expire-unacknowledged",
    everyMs: Math.min(1_000, times.acknowledgeMs / 4),
    async round() {
      const { requeued, quarantined } = await db.tx((tx) => expireUnacknowledged(tx, times));
      for (const taskId of requeued) log.warn({ event: "assignment_unacknowledged", taskId });
      for (const sandboxId of quarantined) log.error({ event: "sandbox_quarantined", sandboxId });
      return "idle";
    },
  };
}
