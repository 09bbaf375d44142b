/** Who holds a sandbox that runs what it may not run, until a deploy of its own has put it right. */
export const driftHolder = { holderKind: "health", holderId: "drift" } as const;

const pinnedBy = "pinned by hand to ";

/** Why a sandbox is active on a release that somebody put there past the API: shown, not fought. */
export const pinnedReason = (imageTag: string): string => pinnedBy + imageTag;

/** The release that a sandbox is pinned to, by the reason of its state; null: it is not pinned. */
export function pinnedTag(state: string, stateReason: string): string | null {
  return state === "active" && stateReason.startsWith(pinnedBy) ? stateReason.slice(pinnedBy.length) : null;
}

/** Why a sandbox may take no work: what it runs instead of what it should; null: it has not drifted. */
export function driftReason(
  cordons: readonly { holderKind: string; holderId: string; reason: string }[],
): string | null {
  const held = cordons.find(
    ({ holderKind, holderId }) => holderKind === driftHolder.holderKind && holderId === driftHolder.holderId,
  );
  return held?.reason ?? null;
}
