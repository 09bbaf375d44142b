import type { Write } from "../effect.ts";
import type { DeployDocument, HostStep } from "../model.ts";
import { isCordonedBy, type Observation, type SandboxFacts } from "../observation.ts";
import { observationOf, type Draft } from "./draft.ts";
import { isInFlight, outOfServiceSteps } from "./hosts.ts";

/** The database's rows as this document wants them, against what was observed. Empty when they agree. */
export function writesOf(before: DeployDocument, draft: Draft): Write[] {
  const writes: Write[] = [];
  const { deploy } = draft;
  // Hosts keep their places from the start on; before it there are none.
  for (let place = 0; place < deploy.hosts.length; place += 1) {
    const host = deploy.hosts[place];
    const observation = host && observationOf(draft, host);
    if (!host || !observation) continue;
    const was = before.hosts[place];
    const epoch = host.engine.command?.epoch ?? null;
    if (epoch !== null && epoch !== was?.engine.command?.epoch) {
      writes.push({ kind: "claim_epoch", sandboxId: host.sandboxId, epoch });
    }
    addSandboxWrites(writes, draft, host, observation);
  }
  writes.push(...releaseWrites(draft));
  return writes;
}

function addSandboxWrites(writes: Write[], draft: Draft, host: HostStep, { facts }: Observation): void {
  const { sandboxId } = host;
  const isHeld = isCordonedBy(facts, "deploy", draft.deploy.id);
  if (wantsCordon(host) !== isHeld) {
    const holder = { holderKind: "deploy", holderId: draft.deploy.id } as const;
    if (isHeld) writes.push({ kind: "uncordon", sandboxId, ...holder });
    else writes.push({ kind: "cordon", sandboxId, ...holder, reason: `deploy of ${draft.deploy.imageTag}` });
  }
  const move = wantedState(draft, host, facts);
  if (move !== null) writes.push({ kind: "move_sandbox", sandboxId, from: facts.state, ...move });
  const { target, targetSlots: slots } = host.engine;
  const isSet = target === facts.targetGeneration && slots === facts.targetSlots;
  if (target !== null && !isSet && host.step !== "pending" && host.step !== "skipped") {
    writes.push({ kind: "set_target", sandboxId, generation: target, slots });
  }
}

/** Stop-first holds its host out of service from the cordon until the new release, or the old one again, takes all its work. */
function wantsCordon(host: HostStep): boolean {
  if (host.order !== "stop-first") return false;
  return (
    outOfServiceSteps.includes(host.step) || (host.step === "rolling_back" && host.engine.command?.kind === "rollback")
  );
}

function wantedState(
  draft: Draft,
  host: HostStep,
  facts: SandboxFacts,
): { to: "deploying" | "active"; reason: string } | null {
  const isChanging = isInFlight(host) || host.step === "rolling_back";
  if (isChanging) {
    const mayMove = facts.state === "active";
    return mayMove ? { to: "deploying", reason: `deploy ${draft.deploy.id} of ${draft.deploy.imageTag}` } : null;
  }
  if (facts.state !== "deploying" || facts.otherDeploys.length > 0) return null;
  return { to: "active", reason: `deploy ${draft.deploy.id}: ${host.step}` };
}

/**
 * What the environment's hosts may take work on: the last completed release and the candidate while it is being tried; the new
 * one alone once it completed; the old one alone once it was taken back. A half-done end keeps both, for both do run.
 */
function releaseWrites(draft: Draft): Write[] {
  const { deploy, facts } = draft;
  const candidate = deploy.imageDigest;
  if (candidate === null) return [];
  const allow = (reason: string): Write[] =>
    facts.allowedDigests.includes(candidate) ? [] : [{ kind: "allow_release", digest: candidate, reason }];
  const disallow = (digests: readonly string[], reason: string): Write[] =>
    digests.map((digest) => ({ kind: "disallow_release", digest, reason }));
  switch (deploy.state) {
    case "in_progress":
    case "paused":
    case "baking":
      return allow(`candidate of deploy ${deploy.id}`);
    case "rolling_back":
    case "rollback_paused":
      return allowPrevious(draft);
    case "completed": {
      // A deploy to a few sandboxes says nothing about the rest: what those run stays allowed.
      if (deploy.sandboxIds !== null) return allow(`completed on some sandboxes by deploy ${deploy.id}`);
      const others = facts.allowedDigests.filter((digest) => digest !== candidate);
      return [...allow(`completed by deploy ${deploy.id}`), ...disallow(others, `deploy ${deploy.id} completed`)];
    }
    case "rolled_back":
    case "failed":
    case "aborted": {
      if (deploy.startedAt === null) return [];
      const isUsed = deploy.state !== "rolled_back" && deploy.hosts.some((host) => host.step === "updated");
      const isListed = facts.allowedDigests.includes(candidate) && candidate !== facts.lastCompleted?.digest;
      return isUsed || !isListed ? [] : disallow([candidate], `deploy ${deploy.id} ${deploy.state}`);
    }
    default:
      return [];
  }
}

/** Where it goes back to may be another release than the last completed one, when somebody said so. */
function allowPrevious({ deploy, facts }: Draft): Write[] {
  const digest = deploy.previousDigest;
  if (digest === null || facts.allowedDigests.includes(digest)) return [];
  return [{ kind: "allow_release", digest, reason: `deploy ${deploy.id} goes back to it` }];
}
