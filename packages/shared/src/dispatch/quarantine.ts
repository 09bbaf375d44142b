/** Assignments in a row that a sandbox may leave without an acknowledgement before it gets nothing for a while. */
export const unacknowledgedToQuarantine = 3;
/** In leases: long enough for an operator to look, short enough to heal by itself. */
export const quarantineLeases = 2;

/** The count after `more` unacknowledged assignments; it starts anew with a quarantine. */
export function countUnacknowledged(inARow: number, more: number): { inARow: number; quarantines: boolean } {
  const quarantines = inARow + more >= unacknowledgedToQuarantine;
  return { inARow: quarantines ? 0 : inARow + more, quarantines };
}
