import { type Database, beat } from "@valet/db";
import type { LeaseTimes } from "@valet/shared";
import type { ControlLoop } from "./loop.ts";

/** Proof that this control worker is awake: a gap in it restarts the grace of every lease. */
export function heartbeatLoop({ db, times, id }: { db: Database; times: LeaseTimes; id: string }): ControlLoop {
  return {
    name: "heartbeat",
    everyMs: times.heartbeatMs * 0.9,
    async round() {
      await beat(db, { kind: "control", id }, times);
      return "idle";
    },
  };
}
