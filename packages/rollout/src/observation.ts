import type { AgentGeneration, AgentHealth, FreezeWindow } from "@valet/contracts";
import type { AnalysisArms } from "./analysis/model.ts";
import type { CordonHolderKind, SandboxState, SlotState } from "@valet/shared";

/** What was seen of the world before a decision: what each host says, joined with what the database holds. */
export interface Observations {
  environment: EnvironmentFacts;
  /** In the order hosts are taken. */
  sandboxes: Observation[];
}

/**
 * Unknown is not zero: an unreachable host has no job count and no digest, so it is never idle, drained or updated. The
 * database's facts are there either way.
 */
export type Observation =
  | { kind: "unreachable"; since: number; why: string; facts: SandboxFacts }
  | { kind: "seen"; health: AgentHealth; refusal: Refusal | null; facts: SandboxFacts };
export type SeenObservation = Extract<Observation, { kind: "seen" }>;

/** The host's latest refusal of a command; forgotten at a restart, which only means that the command is sent again. */
export interface Refusal {
  epoch: number;
  /** `busy`: another procedure runs there and ours must wait; `refused`: it will never be taken as it is. */
  kind: "busy" | "refused";
  message: string;
}

export interface SandboxFacts {
  sandboxId: string;
  name: string;
  state: SandboxState;
  /** The last epoch given out for this sandbox, to whomever. */
  epoch: number;
  targetGeneration: number | null;
  /** At most this many slots go to the target generation; null: all. */
  targetSlots: number | null;
  sessionLive: boolean;
  /** Since when health checks have called it unreachable; null while they reach it. 0: since ever. */
  unreachableSince: number | null;
  slots: { index: number; generation: number | null; state: SlotState }[];
  /** Attempts that have not ended; `requeueable`: stopping it costs nothing, and it was not interrupted before. */
  openAttempts: { taskId: string; generation: number; requeueable: boolean }[];
  cordons: { holderKind: CordonHolderKind; holderId: string; reason: string }[];
  /** Other deploys, of any service, that are changing this sandbox right now. */
  otherDeploys: string[];
}

export interface EnvironmentFacts {
  /** Another active deploy of this environment and service. */
  activeDeployId: string | null;
  /** Queued before this one. */
  olderQueuedId: string | null;
  /** The newest queued deploy of the whole environment created after this one. */
  newerQueuedId: string | null;
  /** The release that the latest deploy completed on the whole environment brought. */
  lastCompleted: { tag: string; digest: string } | null;
  allowedDigests: string[];
  /** Sandboxes held out of service by any deploy of any service. */
  deployCordoned: string[];
  /** Tasks of both releases since the analysis began; null: not asked for (see `isAnalysing`). */
  samples: AnalysisArms | { error: string } | null;
  /** Who let this deploy go ahead so far, and how many people must. */
  approvals: { actor: string; at: number }[];
  requiredApprovals: number;
  /** When deploys may not start here; not asked of one that ignores them. */
  freezes: FreezeWindow[];
  /** Migrations of this release that take something away, and those that took away what it needs. None: nothing waits. */
  contractMigrations: ContractMigration[];
}

/** A migration that takes something away: a column, a table, a field of the wire. */
export interface ContractMigration {
  name: string;
  /** Who must be done first, as whoever read the database knows: one sentence each. */
  blockedBy: string[];
  /** Releases, by digest, that need what it takes away: as long as one may serve or come back, it must wait. */
  neededBy?: readonly string[];
  /** It has run already: what needs it can never come back. */
  hasRun?: boolean;
}

/** True when the host's ledger shows `epoch`: the command was taken, or a newer one was. */
export function hasTaken(observation: SeenObservation, epoch: number): boolean {
  return observation.health.epoch >= epoch;
}

/** Drained: nothing reserved or occupied in the database AND the host reports zero AND it accepts nothing. */
export function isDrained(observation: Observation): boolean {
  if (observation.kind === "unreachable") return false;
  const { facts, health } = observation;
  const held = facts.slots.some((slot) => slot.state === "reserved" || slot.state === "occupied");
  return !held && facts.openAttempts.length === 0 && health.activeWorkers === 0 && !health.accepting;
}

export function generationOf(observation: SeenObservation, generation: number | null): AgentGeneration | null {
  for (const one of observation.health.generations) if (one.generation === generation) return one;
  return null;
}

/** The newest sound generation that takes work and reports exactly this digest. */
export function servingGeneration(observation: SeenObservation, digest: string): AgentGeneration | null {
  let newest: AgentGeneration | null = null;
  for (const one of observation.health.generations) {
    const isSound = one.state === "serving" && one.healthy && one.imageDigest === digest;
    if (isSound && (newest === null || one.generation > newest.generation)) newest = one;
  }
  return newest;
}

/** Slots whose next task would not run on `target`. Occupied ones flip when their task ends. */
export function slotsOutside(facts: SandboxFacts, target: number): number {
  let outside = 0;
  for (const slot of facts.slots) if (slot.generation !== target && slot.state !== "occupied") outside += 1;
  return outside;
}

export function isCordonedBy(facts: SandboxFacts, holderKind: CordonHolderKind, holderId?: string): boolean {
  for (const cordon of facts.cordons) {
    if (cordon.holderKind === holderKind && (holderId === undefined || cordon.holderId === holderId)) return true;
  }
  return false;
}
