/**
 * The times that keep a task from running twice. One number, the lease, sets them all, so that tests scale them
 * together and the ratios hold (design: ARCHITECTURE, Tasks). All in milliseconds; at the default lease of 300 s:
 */
export interface LeaseTimes {
  /** 300 s: how long the control plane believes in an attempt without a heartbeat. */
  leaseMs: number;
  /** 225 s after the send time of the last acknowledged heartbeat: the browser is frozen. */
  deadlineMs: number;
  /** 10 s: one heartbeat a session. */
  heartbeatMs: number;
  /** 2 s: the GH worker confirms what it runs. */
  confirmMs: number;
  /** 10 s: a confirmation older than this is not repeated in a heartbeat. */
  confirmFreshMs: number;
  /** 10 s: an assignment nobody acknowledged goes back to the queue. */
  acknowledgeMs: number;
  /** 5 s: how long a permit for a write step may be used. */
  permitMs: number;
}

export const defaultLeaseMs = 300_000;

export function leaseTimes(leaseMs: number = defaultLeaseMs): LeaseTimes {
  return {
    leaseMs,
    deadlineMs: leaseMs * 0.75,
    heartbeatMs: leaseMs / 30,
    confirmMs: leaseMs / 150,
    confirmFreshMs: leaseMs / 30,
    acknowledgeMs: leaseMs / 30,
    permitMs: leaseMs / 60,
  };
}
