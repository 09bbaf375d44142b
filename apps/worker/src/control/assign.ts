import { type Database, reserveTasks } from "@valet/db";
import type { LeaseTimes } from "@valet/shared";
import type { Bell } from "../bell.ts";
import type { Log } from "../log.ts";
import type { ControlLoop } from "./loop.ts";

export interface AssignDeps {
  db: Database;
  times: LeaseTimes;
  log: Log;
  /** Rung by `valet_assign`: a task or a slot became free. */
  bell: Bell;
}

const batchSize = 50;
/** A lost notification costs no more than this. */
const safetyMs = 1_000;

/** Gives queued tasks to free slots. Answers a notification at once; those that come during a round become one more round. */
export function assignLoop({ db, times, log, bell }: AssignDeps): ControlLoop {
  return {
    name: "assign",
    everyMs: safetyMs,
    bell,
    async round() {
      const { reservations, more } = await reserveTasks(db, { limit: batchSize, times });
      for (const { taskId, fence, sandboxId, slot, generation } of reservations)
        log.debug({ event: "task_reserved", taskId, fence, sandboxId, slot, generation });
      return more ? "again" : "idle";
    },
  };
}
