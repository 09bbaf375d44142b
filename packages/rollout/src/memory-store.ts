import { activeDeployStates, assertNever, canMove, sandboxTransitions, type SandboxState } from "@valet/shared";
import type { Write } from "./effect.ts";
import type { AnalysisArms } from "./analysis/model.ts";
import { isAnalysing, type Decision, type DeployDocument, type DeployRequest } from "./model.ts";
import type { EnvironmentFacts, SandboxFacts } from "./observation.ts";
import { inFlightSteps } from "./decide/hosts.ts";
import { begunSandboxes, hasMiscounted, takesService, type DeployStore } from "./store.ts";

/** A sandbox as the memory store holds it: the facts, without what is derived from deploys. */
export type MemorySandbox = Omit<SandboxFacts, "otherDeploys"> & { environment: string };

/** Where a memory store finds and changes its sandboxes: maps of its own, or the simulator's task store. */
export interface SandboxLedger {
  /** Every sandbox as it is now; the caller may keep what it gets. */
  sandboxFacts(service?: string): MemorySandbox[];
  allowedDigests(environment: string, service?: string): string[];
  /** False: an epoch that is not newer, or a state that has moved. */
  allows(write: Write): boolean;
  apply(write: Write, environment: string, service?: string): void;
}

export interface MemoryStore extends DeployStore {
  readonly sandboxes: Map<string, MemorySandbox>;
  readonly deploys: Map<string, DeployDocument>;
  readonly allowed: Set<string>;
  readonly decisions: { deployId: string; decision: Decision }[];
  /** By deploy id; whoever has approved. */
  readonly approvals: Map<string, { actor: string; at: number }[]>;
  /** What the environment's configuration says, and what tasks and migrations would: set by the test. */
  readonly rules: MemoryRules;
  /** How many saves took. */
  readonly saves: number;
  /** Adds a deploy at the end of the queue. */
  add(deploy: DeployDocument): void;
  /** Leaves an operator's wish, as the API does: the revision moves on. */
  request(deployId: string, request: AskedFor): void;
}

export type AskedFor = Pick<DeployRequest, "kind" | "actor"> & Partial<DeployRequest>;

export interface MemoryRules {
  requiredApprovals: number;
  freezes: EnvironmentFacts["freezes"];
  contractMigrations: EnvironmentFacts["contractMigrations"];
  /** Those of each deploy, where they differ. */
  migrationsOf?: (deploy: DeployDocument) => EnvironmentFacts["contractMigrations"];
  /** Asked only while the deploy is analysing. */
  samplesOf(deploy: DeployDocument): AnalysisArms | { error: string } | null;
}

/**
 * Deploys and sandboxes in memory, with the guards of the real one. For tests and simulation. With a `ledger` the sandboxes and
 * the allowed releases are there, and `sandboxes` and `allowed` stay empty.
 */
export function makeMemoryStore(ledger?: SandboxLedger): MemoryStore {
  const sandboxes = new Map<string, MemorySandbox>();
  const deploys = new Map<string, DeployDocument>();
  const allowed = new Set<string>();
  const decisions: { deployId: string; decision: Decision }[] = [];
  const approvals: MemoryStore["approvals"] = new Map();
  const rules: MemoryRules = { requiredApprovals: 0, freezes: [], contractMigrations: [], samplesOf: () => null };
  let saves = 0;

  const held = ledger ?? mapLedger(sandboxes, allowed);
  // Whoever brings a ledger brings thousands of seeds: there not even the proof is paid for.
  const kept = ledger ? <T>(document: T): T => document : frozen;
  const all = () => [...deploys.values()];
  const isActive = (deploy: DeployDocument) => activeDeployStates.some((state) => state === deploy.state);
  const isBeingApproved = (deploy: DeployDocument) =>
    deploy.state === "awaiting_approval" && (approvals.get(deploy.id) ?? []).length > 0;
  const isSibling = (one: DeployDocument, of: DeployDocument) =>
    one.id !== of.id && one.environment === of.environment && one.service === of.service;

  function environmentFacts(deploy: DeployDocument, everywhere: readonly MemorySandbox[]): EnvironmentFacts {
    const order = [...deploys.keys()];
    const siblings = all().filter((one) => isSibling(one, deploy));
    const queued = siblings.filter((one) => one.state === "queued");
    const place = order.indexOf(deploy.id);
    const completed = all()
      .filter((one) => one.environment === deploy.environment && one.service === deploy.service)
      .filter((one) => one.sandboxIds === null)
      .filter((one) => one.state === "completed" && one.id !== deploy.id && one.imageDigest !== null)
      .sort((a, b) => (b.endedAt ?? 0) - (a.endedAt ?? 0))[0];
    return {
      activeDeployId: siblings.find(isActive)?.id ?? null,
      olderQueuedId: queued.find((one) => order.indexOf(one.id) < place)?.id ?? null,
      newerQueuedId:
        queued.filter((one) => order.indexOf(one.id) > place && one.sandboxIds === null).at(-1)?.id ?? null,
      lastCompleted: completed ? { tag: completed.imageTag, digest: completed.imageDigest ?? "" } : null,
      allowedDigests: held.allowedDigests(deploy.environment, deploy.service).sort(),
      deployCordoned: cordonedByDeploys(everywhere),
      samples: isAnalysing(deploy) ? rules.samplesOf(deploy) : null,
      approvals: approvals.get(deploy.id) ?? [],
      requiredApprovals: rules.requiredApprovals,
      freezes: rules.freezes,
      contractMigrations: rules.migrationsOf ? rules.migrationsOf(deploy) : rules.contractMigrations,
    };
  }

  function otherDeploysOn(sandboxId: string, deploy: DeployDocument): string[] {
    return all()
      .filter((one) => one.id !== deploy.id && isActive(one))
      .filter((one) =>
        one.hosts.some(
          (host) => host.sandboxId === sandboxId && (inFlightSteps.includes(host.step) || host.step === "rolling_back"),
        ),
      )
      .map((one) => one.id);
  }

  function breaksGuard(next: DeployDocument, writes: readonly Write[]): boolean {
    if (isActive(next) && all().some((one) => isSibling(one, next) && isActive(one))) return true;
    return writes.some((write) => !held.allows(write));
  }

  return {
    sandboxes,
    deploys,
    allowed,
    decisions,
    approvals,
    rules,
    get saves() {
      return saves;
    },
    add: (deploy) => void deploys.set(deploy.id, structuredClone(deploy)),
    request(deployId, request) {
      const deploy = deploys.get(deployId);
      if (!deploy) throw new Error(`there is no deploy ${deployId}`);
      const full: DeployRequest = { reason: "", toDigest: null, toTag: null, ...request };
      deploys.set(deployId, { ...deploy, request: full, revision: deploy.revision + 1 });
    },
    async load(deployId) {
      return kept(deploys.get(deployId) ?? null);
    },
    async listOpen() {
      return all()
        .filter((one) => isActive(one) || one.state === "queued" || one.request !== null || isBeingApproved(one))
        .map((one) => one.id);
    },
    async facts(deploy) {
      const everywhere = held.sandboxFacts(deploy.service);
      const inEnvironment = everywhere.filter((one) => one.environment === deploy.environment);
      return {
        environment: environmentFacts(deploy, everywhere),
        sandboxes: inEnvironment
          .sort((a, b) => compareNames(a.name, b.name))
          .map(({ environment: _environment, ...facts }) => ({
            ...facts,
            otherDeploys: otherDeploysOn(facts.sandboxId, deploy),
          })),
      };
    },
    async save(next, expectedRevision, change) {
      const found = deploys.get(next.id);
      if (!found || found.revision !== expectedRevision || breaksGuard(next, change.writes)) return "lost_race";
      if (begunSandboxes(found, next).some((id) => otherDeploysOn(id, next).length > 0)) return "lost_race";
      if (takesService(change) && hasMiscounted(change, cordonedByDeploys(held.sandboxFacts()))) return "lost_race";
      for (const write of change.writes) held.apply(write, next.environment, next.service);
      for (const decision of change.decisions) decisions.push({ deployId: next.id, decision });
      deploys.set(next.id, kept(next));
      saves += 1;
      return "saved";
    },
  };
}

/** As the real store orders hosts: sandbox-2 before sandbox-10. */
const compareNames = new Intl.Collator("en", { numeric: true }).compare;

const cordonedByDeploys = (everywhere: readonly MemorySandbox[]): string[] =>
  everywhere.filter((one) => one.cordons.some((cordon) => cordon.holderKind === "deploy")).map((one) => one.sandboxId);

function mapLedger(sandboxes: Map<string, MemorySandbox>, allowed: Set<string>): SandboxLedger {
  return {
    sandboxFacts: () =>
      [...sandboxes.values()].map((one) => ({
        ...one,
        slots: one.slots.map((slot) => ({ ...slot })),
        openAttempts: one.openAttempts.map((attempt) => ({ ...attempt })),
        cordons: one.cordons.map((cordon) => ({ ...cordon })),
      })),
    allowedDigests: () => [...allowed],
    allows(write) {
      if (write.kind === "claim_epoch") return (sandboxes.get(write.sandboxId)?.epoch ?? 0) < write.epoch;
      return write.kind !== "move_sandbox" || sandboxes.get(write.sandboxId)?.state === write.from;
    },
    apply: (write) => apply(write, sandboxes, allowed),
  };
}

function apply(write: Write, sandboxes: Map<string, MemorySandbox>, allowed: Set<string>): void {
  const sandbox = "sandboxId" in write ? sandboxes.get(write.sandboxId) : undefined;
  switch (write.kind) {
    case "allow_release":
      allowed.add(write.digest);
      return;
    case "disallow_release":
      allowed.delete(write.digest);
      return;
    default:
  }
  if (!sandbox) throw new Error(`a write to a sandbox that does not exist: ${JSON.stringify(write)}`);
  switch (write.kind) {
    case "claim_epoch":
      sandbox.epoch = write.epoch;
      return;
    case "move_sandbox":
      sandbox.state = legalMove(sandbox.state, write.to);
      return;
    case "cordon": {
      const { holderKind, holderId, reason } = write;
      sandbox.cordons = [...sandbox.cordons, { holderKind, holderId, reason }];
      return;
    }
    case "uncordon":
      sandbox.cordons = sandbox.cordons.filter(
        (cordon) => cordon.holderKind !== write.holderKind || cordon.holderId !== write.holderId,
      );
      return;
    case "set_target":
      sandbox.targetGeneration = write.generation;
      sandbox.targetSlots = write.slots;
      return;
    default:
      assertNever(write);
  }
}

function legalMove(from: SandboxState, to: SandboxState): SandboxState {
  if (!canMove(sandboxTransitions, from, to)) throw new Error(`a sandbox cannot go from ${from} to ${to}`);
  return to;
}

/** Nobody changes a document once it is saved: a rule that does stumbles over it, rather than being forgiven by a copy. */
function frozen<T extends DeployDocument | null>(deploy: T): T {
  for (const host of deploy?.hosts ?? []) {
    Object.freeze(host.engine);
    Object.freeze(host);
  }
  return Object.freeze(deploy);
}
