import type { AgentGeneration, AgentHealth } from "@valet/contracts";

/** Whether a host outside any deploy runs what it may run, and what is to be done when it does not. */
export type Drift =
  | { kind: "none" }
  /** Sound and allowed, but freed slots go to another generation (a deploy ended while the host was away). */
  | { kind: "retarget"; generation: number }
  /** Put there by hand on the host: shown, not fought. */
  | { kind: "pinned"; imageTag: string }
  /** The right release, not in order right now; its agent is at it. */
  | { kind: "unsound"; reason: string }
  /** It runs something else, or nothing. */
  | { kind: "converge"; reason: string };

/**
 * Compares what a host reports with the releases its environment may take work on. A host that was away during a deploy comes
 * back on a release that is no longer allowed: it gets a deploy of its own before it gets any work.
 */
export function driftOf(
  health: AgentHealth,
  targetGeneration: number | null,
  allowed: readonly string[],
  targetSlots: number | null = null,
): Drift {
  if (allowed.length === 0 || (health.currentDeploy !== null && health.currentDeploy.endedAt === null)) {
    return { kind: "none" };
  }
  const isAllowed = (digest: string | null): boolean => digest !== null && allowed.includes(digest);
  let running: AgentGeneration | null = null;
  let newest: AgentGeneration | null = null;
  let isOnTarget = false;
  for (const one of health.generations) {
    if (one.state !== "serving") continue;
    running = newerOf(running, one);
    if (!one.healthy || !isAllowed(one.imageDigest)) continue;
    newest = newerOf(newest, one);
    isOnTarget ||= one.generation === targetGeneration;
  }
  if (isOnTarget && targetSlots === null) return { kind: "none" };
  // A canary ended while the host was away: nobody is left to widen its share.
  if (isOnTarget && targetGeneration !== null) return { kind: "retarget", generation: targetGeneration };
  if (newest) return { kind: "retarget", generation: newest.generation };
  if (health.currentDeploy?.pinned && running) return { kind: "pinned", imageTag: running.imageTag };
  if (!running) return { kind: "converge", reason: "it runs no release at all" };
  if (isAllowed(running.imageDigest) || (running.imageDigest === null && isAllowed(running.desiredDigest))) {
    return { kind: "unsound", reason: `generation ${running.generation} of ${running.imageTag} is not healthy` };
  }
  const what = running.imageDigest ?? running.desiredDigest;
  return { kind: "converge", reason: `it runs ${running.imageTag} (${what}), which is not allowed here any more` };
}

function newerOf(known: AgentGeneration | null, one: AgentGeneration): AgentGeneration {
  return known === null || one.generation > known.generation ? one : known;
}
