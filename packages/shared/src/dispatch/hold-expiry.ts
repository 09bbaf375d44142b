/** What is known about the control plane's own presence when leases ran out. */
export interface ExpiryInput {
  isApiAway: boolean;
  isControlAway: boolean;
  /** The control plane came back less than a lease ago. */
  isInGrace: boolean;
  /** Leases that ran out. */
  count: number;
  /** All open leases. */
  open: number;
}
export type HoldReason = "mass_expiry" | "grace" | "api_away" | "control_away";

/** Missed heartbeats after which a part of the control plane counts as away. */
export const beatsMissed = 2;

/** Hold, for one more lease, when at least this many, and more than this share of all leases, ran out together. */
const massCount = 3;
const massShare = 0.3;

/** Why expired leases are not given up yet: it looks like our own fault (F59). Undefined: give them up. */
export function reasonToHold(input: ExpiryInput): HoldReason | undefined {
  if (input.isApiAway) return "api_away";
  if (input.isControlAway) return "control_away";
  if (input.isInGrace) return "grace";
  if (input.count >= massCount && input.count > input.open * massShare) return "mass_expiry";
  return undefined;
}

export interface LeaseExpiry {
  /** Tasks whose attempts were given up. */
  expired: string[];
  /** Set when leases ran out but nothing was given up, and why. */
  held: { count: number; open: number; reason: HoldReason } | null;
}

/** A mass expiry that lasts is real: its hosts are gone, and their tasks must not wait for ever. */
export function leasesToGiveUp<L extends { isLongGone: boolean }>(
  leases: readonly L[],
  reason: HoldReason | undefined,
): readonly L[] {
  if (!reason) return leases;
  return reason === "mass_expiry" ? leases.filter((lease) => lease.isLongGone) : [];
}
