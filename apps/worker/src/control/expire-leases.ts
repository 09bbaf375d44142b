import { type Database, expireLeases } from "@valet/db";
import type { LeaseTimes } from "@valet/shared";
import type { Log } from "../log.ts";
import type { ControlLoop } from "./loop.ts";

/**
 * Gives up attempts whose leases ran out, all the time and not at a start only. When many run out together, or the control
 * plane itself was away, nothing is given up: that is said once, as an alert, until it passes.
 */
export function expireLeasesLoop({ db, times, log }: { db: Database; times: LeaseTimes; log: Log }): ControlLoop {
  let heldFor: string | null = null;
  return {
    name: "expire-leases",
    everyMs: Math.min(1_000, times.heartbeatMs / 2),
    async round() {
      const { expired, held } = await db.tx((tx) => expireLeases(tx, times));
      for (const taskId of expired) log.warn({ event: "lease_expired", taskId });
      if (held && held.reason !== heldFor) log.error({ event: "lease_expiry_held", ...held });
      if (!held && heldFor !== null) log.info({ event: "lease_expiry_released" });
      heldFor = held?.reason ?? null;
      return "idle";
    },
  };
}
