import type { Write } from "./effect.ts";
import type { Seen } from "./history/journal.ts";
import { isInFlight } from "./decide/hosts.ts";
import type { Decision, DeployDocument, HostStep } from "./model.ts";
import type { EnvironmentFacts, SandboxFacts } from "./observation.ts";

type Change = { writes: readonly Write[]; seen?: Seen };

/** Sandboxes whose turn comes with this save: no other deploy, of any service, may be in the middle of them. */
export function begunSandboxes(before: DeployDocument, next: DeployDocument): string[] {
  const waited = new Set(before.hosts.filter((host) => waitingSteps.has(host.step)).map((host) => host.sandboxId));
  return next.hosts.filter((host) => isInFlight(host) && waited.has(host.sandboxId)).map((host) => host.sandboxId);
}
const waitingSteps = new Set<HostStep["step"]>(["pending", "skipped"]);

/** It takes at least one host out of service. */
export const takesService = ({ writes }: Change): boolean => writes.some((write) => write.kind === "cordon");

/**
 * Whoever takes a host out of service counted those that deploys hold already: when others have taken or freed some since, it must
 * count again, or two deploys at once would hold more than either may. `held`: ids of sandboxes with a deploy's cordon now.
 */
export function hasMiscounted({ seen }: Change, held: readonly string[]): boolean {
  if (!seen) return false;
  const counted = seen.observations.environment.deployCordoned;
  return counted.length !== held.length || held.some((id) => !counted.includes(id));
}

/** Where deploys live. Postgres in production, memory in tests; one conformance suite for both (testing/store-conformance.ts). */
export interface DeployStore {
  load(deployId: string): Promise<DeployDocument | null>;
  /** Ids of deploys that wait, are under way, or carry a request; oldest first. */
  listOpen(): Promise<string[]>;
  /** What the database holds about this deploy's environment and the sandboxes it concerns, in the order hosts are taken. */
  facts(deploy: DeployDocument): Promise<{ environment: EnvironmentFacts; sandboxes: SandboxFacts[] }>;
  /**
   * Document, rows and decisions in one transaction. `lost_race`: the deploy is no longer at `expectedRevision`, another deploy
   * is active in its place, or an epoch was given to somebody else. Then nothing at all was written.
   */
  save(
    next: DeployDocument,
    expectedRevision: number,
    /** `seen`: what was decided from, for the journal; written in the same transaction. */
    change: { decisions: readonly Decision[]; writes: readonly Write[]; seen?: Seen },
  ): Promise<"saved" | "lost_race">;
}
