import { type Database, handOverCandidates, handOverSlots } from "@valet/db";
import type { Bell } from "../bell.ts";
import type { Log } from "../log.ts";
import type { ControlLoop } from "./loop.ts";

/**
 * Moves free slots to the target generation, one for each spare browser that it has ready. Heartbeats and ends of tasks do the
 * same at once; this loop is for what they missed, and for a target that was just set: the bell rings for that.
 */
export function handOverLoop({ db, log, bell }: { db: Database; log: Log; bell: Bell }): ControlLoop {
  return {
    name: "hand-over",
    everyMs: 500,
    bell,
    async round(signal) {
      for (const sandboxId of await handOverCandidates(db)) {
        if (signal.aborted) break;
        const moved = await db.tx((tx) => handOverSlots(tx, sandboxId));
        if (moved > 0) log.info({ event: "slot_handed_over", sandboxId, moved });
      }
      return "idle";
    },
  };
}
