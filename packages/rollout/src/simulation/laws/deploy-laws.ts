import { canMove, deployTransitions, hostsOf, hostStepTransitions, type HostStepState } from "@valet/shared";
import type { Write } from "../../effect.ts";
import type { Decision, DeployDocument, HostStep } from "../../model.ts";
import type { MemoryTaskSandbox } from "../tasks/model.ts";
import type { SimHost } from "../sim-host.ts";

/** One save of the engine, with what is true in the world at that moment. Each law answers what is wrong, or null. */
export interface Saved {
  before: DeployDocument;
  next: DeployDocument;
  writes: readonly Write[];
  decisions: readonly Decision[];
  hosts: ReadonlyMap<string, SimHost>;
  sandboxes: ReadonlyMap<string, MemoryTaskSandbox>;
}

/** Hosts whose step this save changes. */
function* moved({ before, next }: Saved): Generator<[HostStep, HostStep]> {
  for (const host of next.hosts) {
    const was = before.hosts.find((one) => one.sandboxId === host.sandboxId);
    if (was && was.step !== host.step) yield [was, host];
  }
}

export function legalMoves(saved: Saved): string | null {
  const { before, next } = saved;
  if (before.state !== next.state && !canMove(deployTransitions, before.state, next.state)) {
    return `deploy ${next.id}: ${before.state} -> ${next.state}`;
  }
  for (const [was, host] of moved(saved)) {
    const isLegal = leadsTo(was.step, host.step, mostMovesASave);
    if (!isLegal) return `${host.name}: ${was.step} -> ${host.step}`;
  }
  return null;
}

/** Fenced off, let go and left out: one save may take a host that far. */
const mostMovesASave = 3;

function leadsTo(from: HostStepState, to: HostStepState, moves: number): boolean {
  if (canMove(hostStepTransitions, from, to)) return true;
  return moves > 1 && hostStepTransitions[from].some((middle) => leadsTo(middle, to, moves - 1));
}

/** A failed rollback waits for a person; only their resume sends anything back again. */
export function rollbackNeverRollsBack({ before, next, decisions }: Saved): string | null {
  if (before.state !== "rolling_back" && before.state !== "rollback_paused") return null;
  const isAsked = before.request?.kind === "resume" || before.request?.kind === "abort";
  if (isAsked) return null;
  const after = ["rolling_back", "rollback_paused", "rolled_back"];
  if (!after.includes(next.state)) return `deploy ${next.id}: ${before.state} -> ${next.state}`;
  if (before.state === "rollback_paused" && next.state === "rolling_back") return `deploy ${next.id} went on by itself`;
  const again = decisions.find(({ data }) => data.from === "failed" && data.to === "rolling_back");
  if (again) return `${again.summary}: its rollback had failed`;
  for (const host of next.hosts) {
    const digest = host.engine.command?.kind === "rollback" ? host.engine.command.digest : null;
    if (digest !== null && digest !== next.previousDigest) return `${host.name} is sent to ${digest}`;
  }
  return null;
}

/** One host at least may go back, whatever the knobs say; those that are out of service anyway do not wait. */
export function backWithinMaxUnavailable({ next, decisions }: Saved): string | null {
  const stopFirst = new Set(next.hosts.filter((host) => host.order === "stop-first").map((host) => host.sandboxId));
  // As told: one that failed in this very save served nobody before.
  const isSent = decisions.some(
    ({ data }) => data.from === "updated" && data.to === "rolling_back" && stopFirst.has(String(data.sandboxId)),
  );
  if (next.state !== "rolling_back" || !isSent) return null;
  const most = Math.max(1, hostsOf(next.knobs.maxUnavailable, next.hosts.length));
  const down = next.hosts.filter((host) => host.step === "rolling_back" && host.order === "stop-first");
  if (down.length <= most) return null;
  return `deploy ${next.id} has ${down.length} hosts out of service on their way back, at most ${most} may be`;
}

export function digestPinned({ before, next }: Saved): string | null {
  if (before.imageDigest === null || before.imageDigest === next.imageDigest) return null;
  return `deploy ${next.id} was pinned to ${before.imageDigest} and is now ${next.imageDigest}`;
}

export function attestedOnly(saved: Saved): string | null {
  for (const [, host] of moved(saved)) {
    if (host.step !== "updated") continue;
    const one = saved.hosts.get(host.sandboxId)?.generations.find((other) => other.generation === host.newGeneration);
    // A host that lost its disk meanwhile says nothing about what was seen.
    if (one && one.reports !== saved.next.imageDigest) {
      return `${host.name} is updated, but generation ${one.generation} reports ${one.reports ?? "nothing"}`;
    }
  }
  return null;
}

export function updatedMeansNewWork(saved: Saved): string | null {
  for (const [, host] of moved(saved)) {
    if (host.step !== "updated") continue;
    const slots = saved.sandboxes.get(host.sandboxId)?.slots ?? [];
    const old = slots.find(
      (slot) => slot.generation !== host.newGeneration && (slot.state === "accepting" || slot.state === "reserved"),
    );
    if (old) return `${host.name} is updated, but slot ${old.index} is ${old.state} on generation ${old.generation}`;
  }
  return null;
}

export function completedMeansDone({ before, next, sandboxes }: Saved): string | null {
  if (before.state === next.state || next.state !== "completed") return null;
  for (const host of next.hosts) {
    if (host.step !== "updated") continue;
    for (const attempt of sandboxes.get(host.sandboxId)?.open ?? []) {
      if (attempt.generation !== host.newGeneration) {
        return `deploy ${next.id} completed while ${attempt.taskId} runs on generation ${attempt.generation} of ${host.name}`;
      }
    }
  }
  return null;
}

export function requestAnswered({ before, next, decisions }: Saved): string | null {
  if (before.request === null || next.request !== null || decisions.length > 0) return null;
  return `deploy ${next.id}: ${before.request.kind} by ${before.request.actor} is gone without a word`;
}

/** Its own cordons are all that a deploy may lay or lift. */
export function cordonOfAnother({ next, writes }: Saved): string | null {
  for (const write of writes) {
    if (write.kind !== "cordon" && write.kind !== "uncordon") continue;
    if (write.holderKind !== "deploy" || write.holderId !== next.id) {
      return `deploy ${next.id} would ${write.kind} ${write.holderKind} ${write.holderId} on ${write.sandboxId}`;
    }
  }
  return null;
}

/** From the cordon on until the new release takes its work, the database's row says so. */
export function cordonStands({ next, sandboxes }: Saved): string | null {
  for (const host of next.hosts) {
    if (host.order !== "stop-first" || !["draining", "replacing", "verifying"].includes(host.step)) continue;
    const cordons = sandboxes.get(host.sandboxId)?.cordons ?? [];
    if (!cordons.some((one) => one.holderKind === "deploy" && one.holderId === next.id)) {
      return `${host.name} is ${host.step} and not cordoned by deploy ${next.id}`;
    }
  }
  return null;
}

export const deployLaws = {
  legalMoves,
  rollbackNeverRollsBack,
  backWithinMaxUnavailable,
  digestPinned,
  attestedOnly,
  updatedMeansNewWork,
  completedMeansDone,
  requestAnswered,
  cordonOfAnother,
  cordonStands,
};
