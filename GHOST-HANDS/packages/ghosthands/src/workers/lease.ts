import type { GhLease } from "@valet/contracts";
import { leaseTimes } from "@valet/shared";
import type { HostClock } from "../runtime/host-clock.ts";

/**
 * The attempt's own view of its lease. Time elapsed is the larger of the monotonic and the wall clock's: neither a stopped
 * process nor a moved clock makes a lease younger than it is.
 */
export interface Lease {
  readonly fence: number;
  readonly leaseId: string;
  readonly permitMs: number;
  /** Compared before EVERY action; never remembered. */
  isPastDeadline(): boolean;
  remainingMs(): number;
  /** Takes a renewal of this very attempt; false when it belongs to another one or is no newer. */
  renew(renewal: GhLease): boolean;
  deadline(): { wallMs: number; monoMs: number };
}

export function makeLease(first: GhLease, clock: HostClock): Lease {
  let current = first;
  const deadlineMs = () => leaseTimes(current.lease_ms).deadlineMs;
  const elapsedMs = () => Math.max(clock.monoMs() - current.renewed_mono_ms, clock.wallMs() - current.renewed_wall_ms);
  return {
    fence: first.fence,
    leaseId: first.lease_id,
    permitMs: leaseTimes(first.lease_ms).permitMs,
    isPastDeadline: () => elapsedMs() >= deadlineMs(),
    remainingMs: () => deadlineMs() - elapsedMs(),
    renew(renewal) {
      if (renewal.fence !== first.fence || renewal.lease_id !== first.lease_id) return false;
      if (renewal.renewed_mono_ms < current.renewed_mono_ms) return false;
      current = renewal;
      return true;
    },
    deadline: () => ({
      wallMs: current.renewed_wall_ms + deadlineMs(),
      monoMs: current.renewed_mono_ms + deadlineMs(),
    }),
  };
}
